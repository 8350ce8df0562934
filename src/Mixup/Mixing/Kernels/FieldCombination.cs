using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A combination whose weights vary over the extent of a sample, <c>y[i] = own[i] * x[i] + other[i] * x[partners[i]]</c>. The front door of
/// the kernels of fields: the CPU has one of its own, all else goes by torch.
/// </summary>
internal sealed class FieldCombination : LinearMap
{
    private FieldCombination? transposed;

    /// <summary>Makes a blend: the weights of each row are a field and its rest.</summary>
    /// <param name="own">The weights of the row itself.</param>
    /// <param name="other">The weights of the other row.</param>
    /// <param name="resized">How the other rows are resized.</param>
    /// <param name="partners">The other row of each row: any row of the batch.</param>
    /// <param name="first">The first dimension of the extent.</param>
    /// <param name="dimensions">The number of dimensions of the extent.</param>
    public FieldCombination(FieldPlanes own, FieldPlanes other, ResizedRows resized, long[] partners, int first, int dimensions)
        : this(new WeightedCells
        {
            Own = own,
            Other = other,
            Resized = resized,
            Sources = new RowSources(partners),
            First = first,
            Dimensions = dimensions,
        })
    {
    }

    private FieldCombination(WeightedCells cells) => Cells = cells;

    /// <summary>What the kernels read.</summary>
    public WeightedCells Cells { get; }

    // As of numbers, a sum of gathers.
    public override LinearMap Transposed => transposed ??= new FieldCombination(Cells.Transpose()) { transposed = this };

    public override Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return (FieldKernel.TryApply([Cells], x) ?? TorchFieldKernel.Apply(Cells, x)).MoveToOuterDisposeScope();
    }

    public override bool Copies(Tensor x) => Cells.CopiesAt(ExtentWithin.Of(x, Cells.First, Cells.Dimensions).Extent);

    public override void Overwrite(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!Cells.Sources.IsPermutation || !FieldKernel.TryOverwrite(Cells, x))
        {
            base.Overwrite(x);
        }
    }

    public override void Dispose()
    {
        // Planes are made anew, so there is nothing to free.
    }
}
