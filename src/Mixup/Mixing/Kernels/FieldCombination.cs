using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The linear map of mixing by fields, <c>y[i] = own[i] * x[i] + other[i] * x[partners[i]]</c>, whose weights vary over the extent. It
/// selects the kernel: the library's own on the CPU, or one of torch's operations.
/// </summary>
internal sealed class FieldCombination : LinearMap
{
    private FieldCombination? transposed;

    /// <summary>Initializes a blend. The weights of each row are a field and 1 minus the field.</summary>
    /// <param name="own">The weights of the samples.</param>
    /// <param name="other">The weights of the partners.</param>
    /// <param name="resized">The resizing of the partners.</param>
    /// <param name="partners">The partner of each row, which may be any row of the batch.</param>
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

    /// <summary>Gets the weights and partners in the form that the kernels read.</summary>
    public WeightedCells Cells { get; }

    // A sum of gathers, as for numbers.
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
        // Planes are not cached, so nothing is freed.
    }
}
