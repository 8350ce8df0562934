using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The draw for one batch: a <see cref="Field"/> of weights for each sample, whose mean is <c>lambda[i]</c>, and a pairing <c>p</c>. It blends any tensor whose first dimension is the batch,
/// <c>w[i] * x[i] + (1 - w[i]) * x[p(i)]</c> (Zhang et al. 2018, equation 1; Verma et al. 2019, section 2; Yun et al. 2019, equation 1), and knows nothing of models, losses or training.
/// </summary>
/// <remarks>
/// <para>
/// Where all fields are numbers, tensors of every rank are blended alike. Fields over an extent of d dimensions are seen at the resolution of each tensor: of rank d + 2, such as [B, C, H, W] for
/// d = 2; or of rank d + 1, such as [B, H, W], if the extent is the drawn one, or for d of 2 or more a multiple or fraction of it by one factor. [B] and [B, F] have no extent and are blended by lambda.
/// </para>
/// <para>
/// The draw itself is kept in ordinary memory, so reading it costs no device synchronisation. Copies for a device are made on first use and
/// freed by <see cref="Dispose"/>, after which the mix can still be read and used again. Draws compare and print by value. Not thread-safe.
/// </para>
/// </remarks>
public sealed class Mix : IDisposable, IEquatable<Mix>
{
    private readonly Field[] fields;
    private readonly double[] coefficients;
    private readonly double[] rowCoefficients;
    private readonly long[] permutation;
    private readonly ExtentPosition position;
    private readonly bool hasCells;
    private readonly LinearMap map;
    private readonly LinearMap?[] fieldMaps = new LinearMap?[4]; // by the first dimension of the extent: 3 for rows of classes
    private readonly DeviceWeights rows;
    private readonly bool hasCopies;
    private Mix? withoutClean;
    private Mix? cleanAlone;

    /// <summary>Takes a given draw of numbers, instead of one that was sampled.</summary>
    /// <param name="coefficients">lambda of each of the B samples, from 0 to 1: the weight of the sample itself.</param>
    /// <param name="permutation">The partner of each of the B samples: every index from 0 to B - 1 once.</param>
    /// <param name="outputs">What comes out. Default: the mixed samples, B rows.</param>
    /// <exception cref="ArgumentException">The batch is empty, the lengths differ, a coefficient is outside [0, 1] or not a number, or <paramref name="permutation"/> is not one.</exception>
    [OverloadResolutionPriority(1)] // of two empty lists
    public Mix(ReadOnlySpan<double> coefficients, ReadOnlySpan<long> permutation, MixupOutputs outputs = default)
        : this(Numbers(coefficients), permutation.ToArray(), outputs, ExtentPosition.Trailing, null, nameof(coefficients))
    {
    }

    /// <summary>Takes a given draw of fields: boxes, masks, numbers, or some of each.</summary>
    /// <param name="fields">The field of each of the B samples. Those over an extent must have the same number of dimensions.</param>
    /// <param name="permutation">The partner of each of the B samples: every index from 0 to B - 1 once.</param>
    /// <param name="outputs">What comes out. Default: the mixed samples, B rows.</param>
    /// <param name="position">Where tensors have the extent. Default: their last dimensions.</param>
    /// <param name="extent">The extent of the samples that the fields were drawn for. Default: the largest of the fields' own.</param>
    /// <exception cref="ArgumentException">The batch is empty, the lengths differ, the fields differ in dimensions, or <paramref name="permutation"/> is not one.</exception>
    public Mix(
        IReadOnlyList<Field> fields,
        ReadOnlySpan<long> permutation,
        MixupOutputs outputs = default,
        ExtentPosition position = ExtentPosition.Trailing,
        Extent? extent = null)
        : this(NotNull(fields), permutation.ToArray(), outputs, Check.Defined(position), extent, nameof(fields))
    {
    }

    private Mix(Field[] fields, long[] permutation, MixupOutputs outputs, ExtentPosition position, Extent? extent, string name)
    {
        (this.fields, this.permutation, this.position, Outputs) = (fields, permutation, position, outputs);
        coefficients = Array.ConvertAll(fields, field => field.Lambda);
        Validate(coefficients, permutation, name);
        hasCells = Array.Exists(fields, field => field.Extent is not null);
        Extent = extent ?? fields.Select(field => field.Extent).MaxBy(drawn => drawn?.Cells);
        if (fields.FirstOrDefault(field => field.Extent is { } drawn && drawn.Count != Extent!.Count) is { } stranger)
        {
            throw new ArgumentException($"A field lies over {stranger.Extent} and another extent is {Extent}; expected one number of dimensions. Draw all fields for the same samples.", name);
        }

        if (outputs == MixupOutputs.Both && Array.Exists(fields, field => field is ResizedBoxField))
        {
            throw new ArgumentException(
                "A ResizedBoxField, as of ResizeMix, has no second output: what the partner lacks in the box is nowhere. Choose MixupOutputs.Mixed or CleanAndMixed, or another method.", nameof(outputs));
        }

        var others = Array.ConvertAll(coefficients, lambda => 1 - lambda);
        var first = new Combination(coefficients, others, permutation);
        if (outputs.RowsPerSample == 1)
        {
            (rowCoefficients, map, rows) = (coefficients, first, first.OnDevices);
        }
        else
        {
            var ones = Array.ConvertAll(coefficients, _ => 1.0);
            rowCoefficients = HasClean ? [.. ones, .. coefficients] : [.. coefficients, .. others];
            map = HasClean
                ? new StackedMaps(new Combination(ones, new double[ones.Length], permutation), first)
                : new StackedMaps(first, new Combination(others, coefficients, permutation));
            rows = new DeviceWeights(
                rowCoefficients, HasClean ? [.. new double[ones.Length], .. others] : [.. others, .. coefficients], [.. permutation, .. permutation]);
        }

        IsMixed = Rows > BatchSize || Array.Exists(coefficients, lambda => lambda != 1);

        // In float32, in which most values are weighed: what is smaller than its least number is 0 there.
        hasCopies = HasClean || Array.Exists(coefficients, lambda => (float)lambda == 0 || (float)(1 - lambda) == 0);
    }

    /// <summary>B, the number of samples in the batch.</summary>
    public int BatchSize => coefficients.Length;

    /// <summary>Gets what comes out: the mixed samples, both combinations of each pair, or the clean samples beside the mixed ones.</summary>
    public MixupOutputs Outputs { get; }

    /// <summary>How many rows a blended tensor has: B, or 2B if two rows come out for each sample.</summary>
    public int Rows => Outputs.RowsPerSample * BatchSize;

    /// <summary>lambda of each of the B samples, from 0 to 1: the weight of the sample itself.</summary>
    public ReadOnlySpan<double> Coefficients => coefficients;

    /// <summary>Gets the field of each of the B samples.</summary>
    public IReadOnlyList<Field> Fields => Array.AsReadOnly(fields);

    /// <summary>Gets the extent of the samples that the fields were drawn for. Null if it was never needed: all fields are numbers.</summary>
    public Extent? Extent { get; }

    /// <summary>The partner of each of the B samples.</summary>
    public ReadOnlySpan<long> Permutation => permutation;

    /// <summary>Blends each sample with its partner. Differentiable, with a backward pass that only gathers, so it is deterministic on every device.</summary>
    /// <param name="tensor">
    /// [B, ...], float16, bfloat16, float32 or float64; of any rank from 1 if all fields are numbers, else of a rank that shows where the extent is. Where every field is 0 or 1 in every cell, of any type:
    /// it is cut and pasted. Not modified.
    /// </param>
    /// <returns>
    /// A new tensor of the same shape, type, device and memory layout; [2B, ...] if two rows come out for each sample. Blended in at least float32, and rounded once. A weight of 0 or 1 copies bits.
    /// </returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, its first dimension is not B, its rank does not show the extent, or its type cannot be blended.</exception>
    public Tensor Blend(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CheckBlendable(tensor);
        return BlendFunction.Apply(MapFor(tensor), tensor);
    }

    /// <summary>Blends what belongs to each sample as a whole, whatever its shape: by lambda.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1, float16, bfloat16, float32 or float64. Not modified.</param>
    /// <returns>A new tensor, as of <see cref="Blend"/>.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, its first dimension is not B, or its type cannot be blended.</exception>
    public Tensor BlendWhole(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CheckType(tensor, canCopy: false);
        return BlendFunction.Apply(map, tensor);
    }

    /// <summary>The samples themselves, for each row of a blended tensor: the tensor as it is, or twice, one behind the other, if two rows come out for each sample.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1 and of any type.</param>
    /// <returns>The same tensor, or a new one of 2B rows.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor Own(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up");
        return Rows == BatchSize ? tensor : cat([tensor, tensor]);
    }

    /// <summary>The partners, for each row of a blended tensor: <c>tensor[p]</c>.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1 and of any type.</param>
    /// <returns>A new tensor of the same type and device, with as many rows as a blended one.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor Partner(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up");
        return tensor.index(TensorIndex.Tensor(rows.Partners(tensor.device)));
    }

    /// <summary>
    /// The mask that fits a blended sequence: a place is padding where it is padding in both of a pair. A sample that is not mixed (lambda 1) keeps its own mask. A mask that has the extent of the
    /// fields goes by cells: what is cut and pasted is so in the mask.
    /// </summary>
    /// <param name="mask">[B, ...], boolean.</param>
    /// <param name="trueIsPadding">Whether true marks padding, as in torch's <c>src_key_padding_mask</c>; otherwise true marks what is there. Default true.</param>
    /// <returns>A new mask, with as many rows as a blended tensor.</returns>
    /// <exception cref="ArgumentException">The mask is not boolean, or its first dimension is not B, or its rank does not show the extent.</exception>
    public Tensor UniteMask(Tensor mask, bool trueIsPadding = true)
    {
        ArgumentNullException.ThrowIfNull(mask);
        Check.HasBatch(mask, BatchSize, "the mask");
        if (mask.dtype != ScalarType.Bool)
        {
            throw new ArgumentException($"the mask is of type {mask.dtype}; a boolean one is expected. Convert it by mask.to(ScalarType.Bool), and say what true means.", nameof(mask));
        }

        using var scope = NewDisposeScope();
        var (own, partner) = (Own(mask), PartnerOfMask(mask));
        var (ownCounts, partnerCounts) = Counts(own, mask);
        var united = trueIsPadding
            ? own.bitwise_or(ownCounts.bitwise_not()).bitwise_and(partner.bitwise_or(partnerCounts.bitwise_not()))
            : own.bitwise_and(ownCounts).bitwise_or(partner.bitwise_and(partnerCounts));
        return united.MoveToOuterDisposeScope();
    }

    /// <summary>Whether the clean samples stand before the mixed ones.</summary>
    internal bool HasClean => Outputs.MixedWeight is not null;

    /// <summary>lambda of each row of a blended tensor.</summary>
    internal ReadOnlySpan<double> RowCoefficients => rowCoefficients;

    /// <summary>The clean samples alone: lambda 1.</summary>
    internal Mix CleanAlone => cleanAlone ??= new Mix(Array.ConvertAll(coefficients, _ => 1.0), permutation);

    /// <summary>The same draw with the mixed samples alone.</summary>
    internal Mix WithoutClean => withoutClean ??= new Mix(fields, permutation, MixupOutputs.Mixed, position, Extent, nameof(fields))
    {
        IsDrawnWithoutChannels = IsDrawnWithoutChannels,
    };

    /// <summary>Whether any row is not simply its own sample.</summary>
    internal bool IsMixed { get; }

    /// <summary>
    /// The samples themselves and the partners, for each row of a blended tensor; but where a weight is 0 the other one stands in, since a loss of what does not count may be infinite.
    /// </summary>
    internal (Tensor Own, Tensor Partner) PairUp(Tensor tensor)
    {
        if (!hasCopies)
        {
            return (Own(tensor), Partner(tensor));
        }

        var (owns, partners) = (new long[Rows], new long[Rows]);
        for (var row = 0; row < Rows; row++)
        {
            var (sample, partner) = (row % BatchSize, permutation[row % BatchSize]);
            var lambda = rowCoefficients[row];
            (owns[row], partners[row]) = ((float)lambda == 0 ? partner : sample, (float)(1 - lambda) == 0 ? sample : partner);
        }

        Tensor Gather(long[] index) => tensor.index(TensorIndex.Tensor(torch.tensor(index).to(tensor.device, non_blocking: true)));
        return (Gather(owns), Gather(partners));
    }

    /// <summary>The weights of the samples themselves and of the partners, each [rows, 1, ...] to broadcast against a tensor: views that must not be changed.</summary>
    internal Tensor[] WeightsOf(Tensor like) => [rows.Own(like), rows.Other(like)];

    /// <summary>Weighs values against both targets. What has the weight 0 does not count, even if it is infinite.</summary>
    internal Tensor Weigh(Tensor own, Tensor partner)
    {
        Tensor Part(Tensor values, Tensor weights) => hasCopies ? values.mul(weights).masked_fill(weights.eq(0), 0) : values.mul(weights);
        return Part(own, rows.Own(own)).add(Part(partner, rows.Other(partner)));
    }

    /// <summary>Makes a tensor of the weights of the samples themselves, which broadcasts against another.</summary>
    /// <param name="like">[B, ...], or [2B, ...] if two rows come out for each sample, of any rank from 1: gives the rank and the device.</param>
    /// <returns>A new tensor [B, 1, ...] or [2B, 1, ...], float64 if <paramref name="like"/> is, else float32.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or does not have the rows of a blended one.</exception>
    public Tensor CoefficientsFor(Tensor like)
    {
        ArgumentNullException.ThrowIfNull(like);
        Check.HasBatch(like, Rows, "the tensor that gives the rank");
        using var view = rows.Own(like);
        return view.clone();
    }

    /// <summary>Frees the copies that were made for devices. The draw stays readable and usable.</summary>
    public void Dispose()
    {
        map.Dispose();
        rows.Dispose();
        withoutClean?.Dispose();
        cleanAlone?.Dispose();
    }

    /// <summary>Compares two draws by their fields, pairing, outputs and extent.</summary>
    /// <param name="other">The other draw.</param>
    /// <returns>Whether all are equal.</returns>
    public bool Equals(Mix? other) =>
        other is not null && Outputs == other.Outputs && position == other.position && Extent == other.Extent && permutation.AsSpan().SequenceEqual(other.permutation) && fields.SequenceEqual(other.fields);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Mix);

    /// <inheritdoc/>
    public override int GetHashCode() => fields.Aggregate(HashCode.Combine(Rows, permutation[0]), HashCode.Combine);

    /// <summary>Writes the partner and the field of each sample.</summary>
    /// <returns>Such as <c>Mix { 0 with 1: NumberField { Lambda = 0.5 }, ... }</c>.</returns>
    public override string ToString() =>
        $"Mix {{ {string.Join(", ", fields.Select((field, sample) => $"{sample} with {permutation[sample]}: {field}"))}{(Outputs == default ? string.Empty : $"; {Outputs}")} }}";

    /// <summary>Blends a tensor in place, which only goes with one output a pair.</summary>
    internal void BlendInPlace(Tensor tensor) => MapFor(tensor).Overwrite(tensor);

    /// <summary>Blends what a module returned. There [B, F] holds features of the whole sample.</summary>
    /// <exception cref="ArgumentException">F is the length of the sequences that the fields were drawn for, or <see cref="Blend"/> refuses it.</exception>
    internal Tensor BlendInside(Tensor tensor)
    {
        if (tensor.dim() != 2)
        {
            return Blend(tensor);
        }

        return Extent is { Count: 1 } && tensor.shape[1] == Extent[0]
            ? throw new ArgumentException(
                $"The shape {Check.Shape(tensor)} may hold features of the whole sample, or one value for each step of the extent {Extent}. " +
                "Mix at another module, or let this one return [B, 1, T] or features of another number.")
            : BlendWhole(tensor);
    }

    /// <summary>Whether the fields were drawn for inputs without channels, such as [B, T] or [B, H, W].</summary>
    internal bool IsDrawnWithoutChannels { get; init; }

    /// <summary>
    /// How the cells of a dense target are mixed. Null for a target that lambda weighs: it belongs to each sample as a whole, or all weights
    /// are numbers.
    /// </summary>
    /// <exception cref="ArgumentException">The shape does not tell which of the two it is, or cannot be what it is said to be.</exception>
    internal DenseMix? DenseFor(Tensor target, TargetKind kind)
    {
        if (FirstOfTarget(target, Check.Defined(kind)) is not { } first || !hasCells)
        {
            return null;
        }

        var dense = new DenseMix(this, fields, ExtentWithin.Of(target, first, Extent!.Count));
        return dense.IsHard || !Array.Exists(fields, field => field is ResizedBoxField)
            ? dense
            : throw new ArgumentException(
                $"A dense target {Check.Shape(target)} can be pasted into a box that is resized, but not weighed there; expected weights of 0 and 1. " +
                "Choose Resizing.Nearest alone, at the extent that it is drawn for, or another method.");
    }

    /// <summary>Whether a target belongs to the cells of the extent, whatever the fields are.</summary>
    internal bool IsDense(Tensor target, TargetKind kind) => FirstOfTarget(target, Check.Defined(kind)) is not null;

    /// <summary>Blends a tensor whose extent begins at a given dimension.</summary>
    internal Tensor BlendAt(Tensor tensor, int first)
    {
        CheckType(tensor, canCopy: true);
        return BlendFunction.Apply(FieldMap(first), tensor);
    }

    /// <summary>Checks that an integer tensor is copied by every draw of a method that copies on the extent that it is drawn for, and not by this one alone.</summary>
    internal void CheckCopied(Tensor tensor, bool copies)
    {
        if (Extent is null || Check.IsMixable(tensor.dtype))
        {
            return;
        }

        if (!copies)
        {
            throw new ArgumentException(
                $"An input {tensor.dtype} {Check.Shape(tensor)} can be cut and pasted, but the method also blends. Choose a method that only copies, such as CutMix, or use manifold mixup on the embedding.");
        }

        if (FirstOfExtent(tensor) is { } first && !ExtentWithin.Of(tensor, first, Extent.Count).Extent.Zip(Extent, (seen, drawn) => seen % drawn == 0).All(isMultiple => isMultiple))
        {
            throw new ArgumentException(
                $"An input {tensor.dtype} {Check.Shape(tensor)} cannot be cut along whole cells of {Extent}; expected that extent or a whole multiple. Give it first, or the same extent as the first input.");
        }
    }

    /// <summary>Checks what <see cref="Blend"/> takes.</summary>
    internal void CheckBlendable(Tensor tensor)
    {
        CheckType(tensor, canCopy: Extent is not null);
        if (!Check.IsMixable(tensor.dtype))
        {
            if (FirstOfExtent(tensor) is not { } first)
            {
                throw new ArgumentException(
                    $"A tensor {tensor.dtype} {Check.Shape(tensor)} has no extent beside fields over {Extent}, so it would be blended, and integers cannot be. Leave it out of the inputs, or convert it to floating point.");
            }

            var seen = ExtentWithin.Of(tensor, first, Extent!.Count).Extent;
            if (Array.Find(fields, field => !field.IsHardAt(seen)) is { } soft)
            {
                throw new ArgumentException(
                    $"A tensor {tensor.dtype} {Check.Shape(tensor)} can be cut and pasted, but not blended; expected weights of 0 and 1 at {seen}, and {soft} has others. " +
                    "Give it the extent that the fields were drawn on, choose a method that only copies, or mix behind the embedding by manifold mixup.");
            }
        }
        else if (hasCells)
        {
            FirstOfExtent(tensor);
        }
    }

    private LinearMap MapFor(Tensor tensor)
    {
        if ((!hasCells && Check.IsMixable(tensor.dtype)) || FirstOfExtent(tensor) is not { } first)
        {
            return map;
        }

        return FieldMap(first);
    }

    private LinearMap FieldMap(int first) => fieldMaps[first] ??= MakeFieldMap(first);

    private LinearMap MakeFieldMap(int first)
    {
        var (own, other) = (new FieldPlanes(fields, ofPartner: false), new FieldPlanes(fields, ofPartner: true));
        LinearMap Of(FieldPlanes sample, FieldPlanes partner) => new FieldCombination(sample, partner, new ResizedRows(fields, transposed: false), permutation, first, Extent!.Count);
        return Rows == BatchSize ? Of(own, other)
            : HasClean ? new StackedMaps(new Identity(), Of(own, other))
            : new StackedMaps(Of(own, other), Of(other, own));
    }

    private bool HasProportions(long[] shape, int first) =>
        Enumerable.Range(0, Extent!.Count).All(d => shape[first + d] * Extent[0] == shape[first] * Extent[d]);

    /// <summary>The first dimension of the extent within a tensor; null where there is none, and lambda counts.</summary>
    /// <exception cref="ArgumentException">The shape does not show the extent.</exception>
    private int? FirstOfExtent(Tensor tensor)
    {
        var (shape, extent) = (tensor.shape, Extent!);
        if (shape.Length <= 1 || tensor.numel() == 0)
        {
            return null;
        }

        if (shape.Length == extent.Count + 2)
        {
            // Inputs without channels do not show where others have them: the drawn extent itself must tell, or nothing contradict.
            bool Shows(int first) => extent.Count == 1 ? shape[first] == extent[0] : HasProportions(shape, first);
            return IsDrawnWithoutChannels && position == ExtentPosition.Trailing && Shows(1) && !Shows(2)
                ? throw new ArgumentException(
                    $"A tensor of shape {Check.Shape(tensor)} has the extent {extent} directly behind the batch, but it is expected in the last dimensions. " +
                    "Set MixupOptions.ExtentPosition to BehindBatch, as for [B, T, F] behind an embedding of [B, T].")
                : position == ExtentPosition.Trailing ? 2 : 1;
        }

        // [B, 197, 768] beside images is no [B, h, w]: without channels, the proportions tell.
        if (shape.Length == extent.Count + 1 && (extent.Count == 1 ? shape[1] == extent[0] : HasProportions(shape, 1)))
        {
            return 1;
        }

        if (shape.Length == 2)
        {
            return null;
        }

        throw new ArgumentException(
            $"A tensor of shape {Check.Shape(tensor)} does not show where it has the extent of fields over {extent}; expected [B, C, ...] with {extent.Count} dimensions more, or [B, ...] in the same proportions, " +
            "or [B, F], which is blended by lambda. Reshape it, for instance by unsqueeze(1); mix at another module; or call BlendWhole, which blends by lambda.");
    }

    /// <summary>The first dimension of the extent within a target; null for one that belongs to each sample as a whole.</summary>
    /// <exception cref="ArgumentException">The shape does not tell which of the two it is, or cannot be what it is said to be.</exception>
    private int? FirstOfTarget(Tensor target, TargetKind kind)
    {
        if (Extent is null || kind == TargetKind.Whole || target.numel() == 0)
        {
            return null;
        }

        var (shape, dimensions) = (target.shape, Extent.Count);
        var channels = shape.Length - dimensions - 1;
        var expected = channels == 0 || position == ExtentPosition.BehindBatch ? 1 : 2;
        bool Has(int first) => shape.AsSpan(first, dimensions).SequenceEqual(Extent.ToArray());
        if (channels is 0 or 1 && Has(expected))
        {
            return expected;
        }

        if (channels == 1 && Has(3 - expected))
        {
            return 3 - expected;
        }

        if (kind == TargetKind.ByShape && (shape.Length == 1 || channels < 0))
        {
            return null;
        }

        var isProportional = channels == 1 && dimensions > 1
            && Enumerable.Range(0, dimensions).All(d => shape[expected + d] * Extent[0] == shape[expected] * Extent[d]);
        if (isProportional || (kind == TargetKind.Dense && channels is 0 or 1))
        {
            return expected;
        }

        throw new ArgumentException(
            kind == TargetKind.Dense
                ? $"The target has shape {Check.Shape(target)}, but a dense one beside fields over {Extent} has " +
                  $"{dimensions + 1} dimensions, or with channels {dimensions + 2}. Reshape it, or choose TargetKind.Whole."
                : $"The target has shape {Check.Shape(target)} beside fields over {Extent}, so it may belong to each sample as a whole, " +
                  "which lambda weighs, or to its parts, which the field weighs. " +
                  "Say which it is by TargetKind.Whole or TargetKind.Dense: in the options, in step.TargetFor, or in new MixedTarget.");
    }

    /// <summary>The weights of samples and partners, or whether they count, for each row of a blended tensor.</summary>
    internal (Tensor Own, Tensor Partner) ForRows(Tensor own, Tensor partner) =>
        Rows == BatchSize ? (own, partner)
        : HasClean ? (cat([ones_like(own), own]), cat([zeros_like(partner), partner]))
        : (cat([own, partner]), cat([partner, own]));

    /// <summary>Whether samples and partners count, in each row of a blended tensor and, where it has the extent, in each cell.</summary>
    private (Tensor Own, Tensor Partner) Counts(Tensor like, Tensor tensor)
    {
        if (!hasCells || FirstOfExtent(tensor) is not { } first)
        {
            return (rows.Own(like).ne(0), rows.Other(like).ne(0));
        }

        Tensor Of(bool ofPartner) => new FieldPlanes(fields, ofPartner).Of(0, BatchSize, ExtentWithin.Of(tensor, first, Extent!.Count), ScalarType.Float32, tensor.device).ne(0);
        return ForRows(Of(false), Of(true));
    }

    /// <summary>The partner of a mask as it is seen in the sample: resized where the field says so.</summary>
    private Tensor PartnerOfMask(Tensor mask)
    {
        if (!Array.Exists(fields, field => field is ResizedBoxField) || FirstOfExtent(mask) is not { } first)
        {
            return Partner(mask);
        }

        if (Array.Exists(fields, field => field is ResizedBoxField { Resizing: not Resizing.Nearest }))
        {
            throw new ArgumentException($"A mask {Check.Shape(mask)} cannot be interpolated; expected fields that resize to the nearest cell. Choose Resizing.Nearest.");
        }

        var seen = new ResizedRows(fields, transposed: false).Apply(mask.index(TensorIndex.Tensor(torch.tensor(permutation).to(mask.device))), 0, ExtentWithin.Of(mask, first, Extent!.Count));
        return Rows == BatchSize ? seen : cat([mask, seen]); // clean samples, which have no partner
    }

    private void CheckType(Tensor tensor, bool canCopy)
    {
        Check.HasBatch(tensor, BatchSize, "the tensor to blend");
        if (tensor.is_sparse)
        {
            throw new ArgumentException($"A sparse tensor of shape {Check.Shape(tensor)} cannot be blended; expected a dense one. Convert it by to_dense().");
        }

        if (tensor.dtype == ScalarType.Bool && !canCopy)
        {
            throw new ArgumentException(
                "A tensor of type Bool cannot be blended: float16, bfloat16, float32 or float64 is expected. If it is a mask, leave it out of the inputs, and unite it by step.Mix.UniteMask(mask).");
        }

        if (!Check.IsMixable(tensor.dtype) && !(canCopy && Check.IsInteger(tensor)))
        {
            throw new ArgumentException(
                $"A tensor of type {tensor.dtype} cannot be blended: float16, bfloat16, float32 or float64 is expected. For token ids use manifold mixup on the embedding; convert images to floating point first.");
        }
    }

    private static Field[] Numbers(ReadOnlySpan<double> coefficients)
    {
        var numbers = new Field[coefficients.Length];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = coefficients[i] is >= 0 and <= 1
                ? new NumberField(coefficients[i])
                : throw new ArgumentException($"coefficient {i} is {coefficients[i]}; each must lie between 0 (the partner alone) and 1 (the sample alone).", nameof(coefficients));
        }

        return numbers;
    }

    private static Field[] NotNull(IReadOnlyList<Field> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return fields.Contains(null) ? throw new ArgumentException("A field is null; expected one for each sample. Give new NumberField(1) for a sample that is not mixed.", nameof(fields)) : [.. fields];
    }

    private static void Validate(double[] coefficients, long[] permutation, string name)
    {
        if (coefficients.Length == 0)
        {
            throw new ArgumentException("the batch is empty: mixing needs one sample or more.", name);
        }

        if (permutation.Length != coefficients.Length)
        {
            throw new ArgumentException($"there are {coefficients.Length} {name} but {permutation.Length} partners; give one of each for every sample.", nameof(permutation));
        }

        var stranger = Array.FindIndex(permutation, partner => partner < 0 || partner >= permutation.Length);
        if (stranger >= 0)
        {
            throw new ArgumentException(
                $"the partner of sample {stranger} is {permutation[stranger]}; expected the index of a sample, from 0 to {permutation.Length - 1}.", nameof(permutation));
        }
    }
}
