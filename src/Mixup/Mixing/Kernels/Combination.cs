using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The linear map of mixing by numbers, <c>y[i] = own[i] * x[i] + other[i] * x[partners[i]]</c>. It selects the kernel: the library's own
/// on the CPU, or one of torch's operations.
/// </summary>
internal sealed class Combination : LinearMap
{
    private Combination? transposed;

    /// <summary>
    /// Initializes a map from the weights of each row and of its partner, and the partners, which may be any rows of the batch.
    /// </summary>
    public Combination(double[] own, double[] other, long[] partners)
        : this(new WeightedRows(own, other, new RowSources(partners)))
    {
    }

    private Combination(WeightedRows rows) => Rows = rows;

    /// <summary>Gets the weights and partners in the form that the kernels read.</summary>
    public WeightedRows Rows { get; }

    /// <summary>Gets the weights and partners as tensors.</summary>
    public DeviceWeights OnDevices => Rows.OnDevices;

    // The transpose of a gather is computed as a sum of gathers instead of a scatter, so gradients are deterministic.
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
            base.Overwrite(x); // a row may be the partner of many rows, which would all have to be written first
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
