using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The one linear map that mixing consists of, <c>y[i] = own[i] * x[i] + other[i] * x[partners[i]]</c>. The front door of the kernels: the
/// CPU has one of its own, all else goes by torch.
/// </summary>
internal sealed class Combination : LinearMap
{
    private Combination? transposed;

    /// <summary>Takes the weights of each row itself and of its partner, and the partners: any row of the batch for each.</summary>
    public Combination(double[] own, double[] other, long[] partners)
        : this(new WeightedRows(own, other, new RowSources(partners)))
    {
    }

    private Combination(WeightedRows rows) => Rows = rows;

    /// <summary>What the kernels read.</summary>
    public WeightedRows Rows { get; }

    /// <summary>The weights and partners as tensors.</summary>
    public DeviceWeights OnDevices => Rows.OnDevices;

    // The transpose of a gather is a sum of gathers: no scatter, so gradients are the same bits on every run and device.
    public override Combination Transposed => transposed ??= new Combination(Rows.Transpose()) { transposed = this };

    public override Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return (CpuKernel.TryApply([Rows], x) ?? TorchKernel.Apply(Rows, x)).MoveToOuterDisposeScope();
    }

    public override Tensor ApplyToFloat(Tensor x, ChannelScale scale)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return (ByteToFloatKernel.TryApply([Rows], x, scale) ?? TorchKernel.ApplyToFloat(Rows, x, scale)).MoveToOuterDisposeScope();
    }

    public override void Overwrite(Tensor x)
    {
        if (!Rows.Sources.IsPermutation)
        {
            base.Overwrite(x); // a row may have many readers, all of which must come before it
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!CpuKernel.TryOverwrite(Rows, x))
        {
            TorchKernel.Overwrite(Rows, x);
        }
    }

    public override void Dispose()
    {
        OnDevices.Dispose();
        transposed?.OnDevices.Dispose();
    }
}
