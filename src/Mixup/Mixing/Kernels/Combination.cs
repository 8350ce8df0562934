using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The one linear map that mixing consists of, <c>y[i] = own[i] * x[i] + other[i] * x[partners[i]]</c>. Blending is such a map, and so is its transpose.
/// A weight of 0 means that the other row is not read: beside it a weight of 1 copies, bit for bit.
/// The front door of the kernels: the CPU has one of its own, all else goes by torch.
/// </summary>
internal sealed class Combination : LinearMap
{
    private readonly double[] own;
    private readonly double[] other;
    private readonly long[] partners;
    private Combination? transposed;
    private Step[]? walk;

    /// <summary>Takes the weights of each row itself and of its partner, and a permutation.</summary>
    public Combination(double[] own, double[] other, long[] partners)
    {
        (this.own, this.other, this.partners) = (own, other, partners);
        OnDevices = new DeviceWeights(own, other, partners);
        IsPairs = !partners.Where((partner, row) => partners[partner] != row).Any();
    }

    /// <summary>The partner of each row.</summary>
    public ReadOnlySpan<long> Partners => partners;

    /// <summary>Whether all are each other's partner, two by two.</summary>
    public bool IsPairs { get; }

    /// <summary>The rows, cycle by cycle of the permutation.</summary>
    public Step[] Walk => walk ??= Cycles.Of(partners);

    /// <summary>The weights and partners as tensors.</summary>
    public DeviceWeights OnDevices { get; }

    // The transpose of a gather is a gather by the inverse: no scatter, so gradients are the same bits on every run and device.
    public override Combination Transposed => transposed ??= Transpose();

    /// <summary>The weight of a row itself, and of its partner, as they are in the type that a tensor is blended in: what is too small for float32 is 0 there.</summary>
    public (double Own, double Other) Weights(int row, bool single) => single ? ((float)own[row], (float)other[row]) : (own[row], other[row]);

    public override Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return (CpuKernel.TryApply([this], x) ?? TorchKernel.Apply(this, x)).MoveToOuterDisposeScope();
    }

    public override void Overwrite(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!CpuKernel.TryOverwrite(this, x))
        {
            TorchKernel.Overwrite(this, x);
        }
    }

    public override void Dispose()
    {
        OnDevices.Dispose();
        transposed?.OnDevices.Dispose();
    }

    private Combination Transpose()
    {
        var inverse = new long[partners.Length];
        for (var row = 0; row < inverse.Length; row++)
        {
            inverse[partners[row]] = row;
        }

        return new Combination(own, Array.ConvertAll(inverse, reader => other[reader]), inverse) { transposed = this };
    }
}
