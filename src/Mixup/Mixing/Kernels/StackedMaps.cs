using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Concatenates the rows of two maps of one batch.</summary>
internal sealed class StackedMaps(LinearMap first, LinearMap second) : LinearMap
{
    private TransposedMaps? transposed;

    public override LinearMap Transposed => transposed ??= new TransposedMaps(this);

    public override Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var kernel = (first, second) switch
        {
            (Combination one, Combination two) => CpuKernel.TryApply([one.Rows, two.Rows], x),
            (FieldCombination one, FieldCombination two) => FieldKernel.TryApply([one.Cells, two.Cells], x),
            _ => null,
        };
        var result = kernel ?? (x.is_contiguous() ? InHalves(x) : cat([first.Apply(x), second.Apply(x)])); // cat keeps the layout
        return result.MoveToOuterDisposeScope();
    }

    public override Tensor ApplyToFloat(Tensor x, ChannelScale scale)
    {
        if ((first, second) is not (Combination one, Combination two))
        {
            return base.ApplyToFloat(x, scale);
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var result = ByteToFloatKernel.TryApply([one.Rows, two.Rows], x, scale)
            ?? cat([first.ApplyToFloat(x, scale), second.ApplyToFloat(x, scale)]);
        return result.MoveToOuterDisposeScope();
    }

    public override bool Copies(Tensor x) => first.Copies(x) && second.Copies(x);

    public override void Dispose()
    {
        first.Dispose();
        second.Dispose();
    }

    /// <summary>Applies one map after the other, with temporary memory for one of them.</summary>
    private Tensor InHalves(Tensor x)
    {
        var rows = x.shape[0];
        var result = empty([2 * rows, .. x.shape[1..]], x.dtype, x.device);
        foreach (var (combination, from) in new[] { (first, 0L), (second, rows) })
        {
            using var scope = NewDisposeScope();
            result.narrow(0, from, rows).copy_(combination.Apply(x));
        }

        return result;
    }

    /// <summary>The transpose, which sums the gradients of both outputs.</summary>
    private sealed class TransposedMaps(StackedMaps outputs) : LinearMap
    {
        private readonly LinearMap first = outputs.First.Transposed;
        private readonly LinearMap second = outputs.Second.Transposed;

        public override LinearMap Transposed => outputs;

        public override Tensor Apply(Tensor x)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var rows = x.shape[0] / 2;
            return first.Apply(x.narrow(0, 0, rows)).add_(second.Apply(x.narrow(0, rows, rows))).MoveToOuterDisposeScope();
        }

        public override void Dispose() => outputs.Dispose();
    }

    private LinearMap First => first;

    private LinearMap Second => second;
}
