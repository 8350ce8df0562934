using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Finds the dimensions of a tensor that are the extent of the fields. It throws for ambiguous shapes.</summary>
internal sealed class ExtentFinder(Extent extent, ExtentPosition position, bool isDrawnWithoutChannels)
{
    /// <summary>Gets the extent for which the fields were drawn.</summary>
    public Extent Extent => extent;

    /// <summary>Gets whether the fields were drawn for inputs without channels, such as [B, T] or [B, H, W].</summary>
    public bool IsDrawnWithoutChannels => isDrawnWithoutChannels;

    /// <summary>Finds the extent in an input; null if there is none, so that lambda weights the input.</summary>
    /// <exception cref="ArgumentException">The extent cannot be found.</exception>
    public ExtentWithin? InInput(Tensor tensor)
    {
        var shape = tensor.shape;
        if (shape.Length <= 1 || tensor.numel() == 0)
        {
            return null;
        }

        if (shape.Length == extent.Count + 2)
        {
            // Inputs without channels do not show where other tensors have them. The usual position is assumed, unless only the other one
            // matches the drawn extent.
            bool Shows(int first) => extent.Count == 1 ? shape[first] == extent[0] : HasProportions(shape, first);
            return isDrawnWithoutChannels && position == ExtentPosition.Trailing && Shows(1) && !Shows(2)
                ? throw new ArgumentException(
                    $"A tensor of shape {Check.Shape(tensor)} has the extent {extent} directly after the batch; expected it in the " +
                    "last dimensions. Set MixupOptions.ExtentPosition to BehindBatch, as for [B, T, F] after an embedding of [B, T].",
                    nameof(tensor))
                : At(tensor, Usual);
        }

        // [B, 197, 768] is not [B, h, w] of images: without channels, the proportions must match.
        if (shape.Length == extent.Count + 1 && (extent.Count == 1 ? shape[1] == extent[0] : HasProportions(shape, 1)))
        {
            return At(tensor, 1);
        }

        return shape.Length == 2 ? null : throw new ArgumentException(
            $"The extent {extent} of the fields cannot be found in a tensor of shape {Check.Shape(tensor)}; expected [B, C, ...] with " +
            $"{extent.Count} more dimensions, or [B, ...] in the same proportions, or [B, F], which is blended by lambda. " +
            "Reshape it, for instance by unsqueeze(1); mix at another module; or call BlendWhole, which blends by lambda.",
            nameof(tensor));
    }

    /// <summary>
    /// Finds the extent in the output of a module; null for [B, F], features of the whole sample. It throws for [B, N, N], since a module
    /// returns tokens with features far more often than an image without channels.
    /// </summary>
    /// <exception cref="ArgumentException">The extent cannot be found, or the shape is ambiguous.</exception>
    public ExtentWithin? InFeatures(Tensor tensor)
    {
        var shape = tensor.shape;
        if (shape.Length == 2 && extent.Count == 1 && shape[1] == extent[0])
        {
            throw new ArgumentException(
                $"The shape {Check.Shape(tensor)} is ambiguous: it may hold features of the whole sample, or one value for each step " +
                $"of the extent {extent}. Mix at another module, or let this one return [B, 1, T] or another number of features.",
                nameof(tensor));
        }

        if (shape.Length == extent.Count + 1 && shape.Length > 2 && !isDrawnWithoutChannels && HasProportions(shape, 1))
        {
            throw new ArgumentException(
                $"The shape {Check.Shape(tensor)} is ambiguous: it may hold tokens with their features, or an image of the extent " +
                $"{extent} without channels. Mix at another module, or let this one return [B, C, ...] with the extent after the " +
                "channels, for instance by unsqueeze(1).",
                nameof(tensor));
        }

        return shape.Length == 2 ? null : InInput(tensor);
    }

    /// <summary>Finds the extent in a target; null for a target that belongs to each whole sample.</summary>
    /// <exception cref="ArgumentException">The shape is ambiguous, or does not match <paramref name="kind"/>.</exception>
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

        // A floating-point [B, T] may also be [B, K], probabilities of as many classes as there are steps.
        var isAmbiguous = channels == 0 && dimensions == 1 && !Check.IsInteger(target) && kind == TargetKind.ByShape;
        bool HasExtent(int first) => shape.AsSpan(first, dimensions).SequenceEqual(extent.ToArray());

        // In one dimension the sizes may coincide, such as the number of classes and of steps.
        var isElsewhere = channels == 1 && !HasExtent(usual) && HasExtent(3 - usual);
        if (isElsewhere && dimensions == 1)
        {
            throw new ArgumentException(
                $"The target {Check.Shape(target)} has the drawn extent {extent} from dimension {3 - usual} on; with channels it is " +
                $"expected from dimension {usual} on. Transpose the target, or set MixupOptions.ExtentPosition for inputs and targets " +
                "alike. If the target has another resolution, give it without channels as [B, ...], or with another number of channels.",
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
                ? $"The target has shape {Check.Shape(target)}, but a dense target for fields over {extent} has {dimensions + 1} " +
                    $"dimensions, or {dimensions + 2} with channels. Reshape it, or choose TargetKind.Whole."
                : $"The target shape {Check.Shape(target)} is ambiguous for fields over {extent}: it may belong to each whole sample, " +
                    "so that lambda weights it, or to its cells, so that the field weights it. Choose TargetKind.Whole or " +
                    "TargetKind.Dense in the options, in step.TargetFor, or in new MixedTarget.",
            nameof(target));
    }

    /// <summary>Returns whether any draw cuts the tensor along whole cells of the extent.</summary>
    public bool IsCutAlongCells(Tensor tensor) =>
        InInput(tensor) is not { } within || within.Extent.Zip(extent, (seen, drawn) => seen % drawn == 0).All(isMultiple => isMultiple);

    /// <summary>Gets the first dimension of the extent in a tensor with channels.</summary>
    private int Usual => position == ExtentPosition.Trailing ? 2 : 1;

    private ExtentWithin At(Tensor tensor, int first) => ExtentWithin.Of(tensor, first, extent.Count);

    private bool HasProportions(long[] shape, int first) =>
        Enumerable.Range(0, extent.Count).All(d => shape[first + d] * extent[0] == shape[first] * extent[d]);
}
