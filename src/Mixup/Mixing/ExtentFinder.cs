using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Finds the dimensions of a tensor that are the extent which fields were drawn for. Refuses shapes that may mean several things.
/// </summary>
internal sealed class ExtentFinder(Extent extent, ExtentPosition position, bool isDrawnWithoutChannels)
{
    /// <summary>The extent that the fields were drawn for.</summary>
    public Extent Extent => extent;

    /// <summary>Whether the fields were drawn for inputs without channels, such as [B, T] or [B, H, W].</summary>
    public bool IsDrawnWithoutChannels => isDrawnWithoutChannels;

    /// <summary>The extent within an input; null where there is none, and lambda counts.</summary>
    /// <exception cref="ArgumentException">The shape does not show the extent.</exception>
    public ExtentWithin? InInput(Tensor tensor)
    {
        var shape = tensor.shape;
        if (shape.Length <= 1 || tensor.numel() == 0)
        {
            return null;
        }

        if (shape.Length == extent.Count + 2)
        {
            // Inputs without channels do not show where others have them: the drawn extent itself must tell, or nothing contradict.
            bool Shows(int first) => extent.Count == 1 ? shape[first] == extent[0] : HasProportions(shape, first);
            return isDrawnWithoutChannels && position == ExtentPosition.Trailing && Shows(1) && !Shows(2)
                ? throw new ArgumentException(
                    $"A tensor of shape {Check.Shape(tensor)} has the extent {extent} directly behind the batch, but it is expected in " +
                    "the " +
                    "last dimensions. Set MixupOptions.ExtentPosition to BehindBatch, as for [B, T, F] behind an embedding of [B, T].",
                    nameof(tensor))
                : At(tensor, Usual);
        }

        // [B, 197, 768] beside images is no [B, h, w]: without channels, the proportions tell.
        if (shape.Length == extent.Count + 1 && (extent.Count == 1 ? shape[1] == extent[0] : HasProportions(shape, 1)))
        {
            return At(tensor, 1);
        }

        return shape.Length == 2 ? null : throw new ArgumentException(
            $"A tensor of shape {Check.Shape(tensor)} does not show where it has the extent of fields over {extent}; " +
            "expected [B, C, ...] " +
            $"with {extent.Count} dimensions more, or [B, ...] in the same proportions, or [B, F], which is blended by lambda. " +
            "Reshape it, for instance by unsqueeze(1); mix at another module; or call BlendWhole, which blends by lambda.",
            nameof(tensor));
    }

    /// <summary>
    /// The extent within what a module returned; null for [B, F], features of the whole sample. [B, N, N] is refused there, since a module
    /// returns tokens and their features far more often than an image without channels.
    /// </summary>
    /// <exception cref="ArgumentException">The shape does not show the extent, or may mean several things.</exception>
    public ExtentWithin? InFeatures(Tensor tensor)
    {
        var shape = tensor.shape;
        if (shape.Length == 2 && extent.Count == 1 && shape[1] == extent[0])
        {
            throw new ArgumentException(
                $"The shape {Check.Shape(tensor)} may hold features of the whole sample, or one value for each step of the extent " +
                $"{extent}. " +
                "Mix at another module, or let this one return [B, 1, T] or features of another number.",
                nameof(tensor));
        }

        if (shape.Length == extent.Count + 1 && shape.Length > 2 && !isDrawnWithoutChannels && HasProportions(shape, 1))
        {
            throw new ArgumentException(
                $"The shape {Check.Shape(tensor)} may hold tokens with their features, or an image of the extent {extent} without " +
                "channels. " +
                "Mix at another module, or let this one return [B, C, ...] with the extent behind the channels, as by unsqueeze(1).",
                nameof(tensor));
        }

        return shape.Length == 2 ? null : InInput(tensor);
    }

    /// <summary>The extent within a target; null for one that belongs to each sample as a whole.</summary>
    /// <exception cref="ArgumentException">The shape does not tell which of the two it is, or cannot be what it is said to be.</exception>
    public ExtentWithin? InTarget(Tensor target, TargetKind kind)
    {
        if (kind == TargetKind.Whole || target.numel() == 0)
        {
            return null;
        }

        var (shape, dimensions) = (target.shape, extent.Count);
        var channels = shape.Length - dimensions - 1;
        var usual = channels == 0 ? 1 : Usual;
        var fits = channels is 0 or 1;

        // [B, T] of floating point may as well be [B, K], probabilities of as many classes as there are steps.
        var isAmbiguous = channels == 0 && dimensions == 1 && !Check.IsInteger(target) && kind == TargetKind.ByShape;
        bool HasExtent(int first) => shape.AsSpan(first, dimensions).SequenceEqual(extent.ToArray());

        // One number may coincide, such as that of the classes with that of the steps.
        var isElsewhere = channels == 1 && !HasExtent(usual) && HasExtent(3 - usual);
        if (isElsewhere && dimensions == 1)
        {
            throw new ArgumentException(
                $"The target {Check.Shape(target)} has the drawn extent {extent} from dimension {3 - usual} on, but with channels it is " +
                $"expected from dimension {usual} on. " +
                "Transpose the target, or set MixupOptions.ExtentPosition for inputs and targets alike; " +
                "if the extent has another resolution, give the target [B, ...] without channels, or another number of them.",
                nameof(target));
        }

        int? found = !fits || isAmbiguous ? null
            : HasExtent(usual) ? usual
            : isElsewhere ? 3 - usual
            : kind == TargetKind.Dense || (channels == 1 && dimensions > 1 && HasProportions(shape, usual)) ? usual
            : null;
        if (found is { } first)
        {
            return At(target, first);
        }

        return kind == TargetKind.ByShape && (shape.Length == 1 || channels < 0) ? null : throw new ArgumentException(
            kind == TargetKind.Dense
                ? $"The target has shape {Check.Shape(target)}, but a dense one beside fields over {extent} has {dimensions + 1} " +
                    "dimensions, " +
                  $"or with channels {dimensions + 2}. Reshape it, or choose TargetKind.Whole."
                : $"The target has shape {Check.Shape(target)} beside fields over {extent}, so it may belong to each sample as a whole, " +
                  "which lambda weighs, or to its parts, which the field weighs. " +
                  "Say which it is by TargetKind.Whole or TargetKind.Dense: in the options, in step.TargetFor, or in new MixedTarget.",
            nameof(target));
    }

    /// <summary>Whether the tensor can be cut along whole cells of the extent, whatever is drawn.</summary>
    public bool IsCutAlongCells(Tensor tensor) =>
        InInput(tensor) is not { } within || within.Extent.Zip(extent, (seen, drawn) => seen % drawn == 0).All(isMultiple => isMultiple);

    /// <summary>Where the extent begins in a tensor with channels.</summary>
    private int Usual => position == ExtentPosition.Trailing ? 2 : 1;

    private ExtentWithin At(Tensor tensor, int first) => ExtentWithin.Of(tensor, first, extent.Count);

    private bool HasProportions(long[] shape, int first) =>
        Enumerable.Range(0, extent.Count).All(d => shape[first + d] * extent[0] == shape[first] * extent[d]);
}
