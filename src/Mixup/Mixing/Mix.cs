using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The parameters of mixing for one batch: for each sample a <see cref="Field"/> of weights, whose mean is <c>lambda[i]</c>, and a partner
/// <c>p(i)</c>. It blends any tensor whose first dimension is the batch: <c>w[i] * x[i] + (1 - w[i]) * x[p(i)]</c> (Zhang et al. 2018,
/// equation 1; Verma et al. 2019, section 2; Yun et al. 2019, equation 1). It is independent of models, losses and training.
/// </summary>
/// <remarks>
/// <para>
/// If all fields are numbers, tensors of any rank are supported. A field over an extent of d dimensions is resampled to the resolution of
/// each tensor. The tensor has rank d + 2, such as [B, C, H, W] for d = 2, or rank d + 1, such as [B, H, W]. In the second case its extent
/// must be the drawn one, or, for d of 2 or more, have the same proportions. [B] and [B, F] have no extent and are blended by lambda.
/// </para>
/// <para>
/// Fields and partners are kept on the host, so reading them needs no device synchronisation. Copies for a device are made on first use;
/// <see cref="Release"/> frees them. Mixes are compared and printed by value. Not thread-safe.
/// </para>
/// </remarks>
public sealed class Mix : IEquatable<Mix>
{
    private readonly Field[] fields;
    private readonly double[] coefficients;
    private readonly long[] partners;
    private readonly ExtentPosition position;
    private readonly LinearMap map;
    private readonly LinearMap?[] fieldMaps = new LinearMap?[4]; // the index is the first dimension of the extent; 3 is for rows of classes
    private readonly DeviceWeights rows;
    private readonly bool hasCopies;
    private RowFields? rowFields;
    private Mix? withoutClean;
    private Mix? cleanAlone;

    /// <summary>Initializes a mix of numbers, with one weight for each sample.</summary>
    /// <param name="coefficients">The lambda of each of the B samples, from 0 to 1. It is the weight of the sample itself.</param>
    /// <param name="partners">The partner of each of the B samples, from 0 to B - 1. Several samples may have the same partner.</param>
    /// <exception cref="ArgumentException">
    /// The batch is empty, the lengths differ, a coefficient is outside [0, 1] or not a number, or a partner is not in the batch.
    /// </exception>
    [OverloadResolutionPriority(1)] // for two empty lists
    public Mix(IReadOnlyList<double> coefficients, IReadOnlyList<long> partners)
        : this(coefficients, partners, MixupOutputs.Mixed)
    {
    }

    /// <summary>Initializes a mix of numbers with a choice of outputs.</summary>
    /// <param name="coefficients">The lambda of each of the B samples, from 0 to 1. It is the weight of the sample itself.</param>
    /// <param name="partners">The partner of each of the B samples, from 0 to B - 1. Several samples may have the same partner.</param>
    /// <param name="outputs">The rows that are returned.</param>
    /// <exception cref="ArgumentException">
    /// The batch is empty, the lengths differ, a coefficient is outside [0, 1] or not a number, or a partner is not in the batch.
    /// </exception>
    [OverloadResolutionPriority(1)]
    public Mix(IReadOnlyList<double> coefficients, IReadOnlyList<long> partners, MixupOutputs outputs)
        : this(Numbers(coefficients), Copy(partners), outputs, ExtentPosition.Trailing, null, false, nameof(coefficients))
    {
    }

    /// <summary>Initializes a mix of fields: boxes, masks, numbers, or any of these.</summary>
    /// <param name="fields">The field of each of the B samples. Those over an extent must have the same number of dimensions.</param>
    /// <param name="partners">The partner of each of the B samples, from 0 to B - 1. Several samples may have the same partner.</param>
    /// <param name="outputs">The rows that are returned. Default: the mixed samples, B rows.</param>
    /// <param name="position">The position of the extent in tensors with channels. Default: the last dimensions.</param>
    /// <param name="extent">The extent for which the fields were drawn. Default null: the largest extent of the fields.</param>
    /// <exception cref="ArgumentException">
    /// The batch is empty, the lengths differ, the fields differ in dimensions, or a partner is not in the batch.
    /// </exception>
    public Mix(
        IReadOnlyList<Field> fields,
        IReadOnlyList<long> partners,
        MixupOutputs outputs = default,
        ExtentPosition position = ExtentPosition.Trailing,
        Extent? extent = null)
        : this(NotNull(fields), Copy(partners), outputs, Check.Defined(position), extent, false, nameof(fields))
    {
    }

    private Mix(
        Field[] fields,
        long[] partners,
        MixupOutputs outputs,
        ExtentPosition position,
        Extent? extent,
        bool isDrawnWithoutChannels,
        string name)
    {
        (this.fields, this.partners, this.position, Outputs) = (fields, partners, position, outputs);
        coefficients = Array.ConvertAll(fields, field => field.Lambda);
        Validate(coefficients, partners, name);
        HasCells = Array.Exists(fields, field => field.Extent is not null);
        Extent = extent ?? fields.Select(field => field.Extent).MaxBy(drawn => drawn?.Cells);
        if (fields.FirstOrDefault(field => field.Extent is { } drawn && drawn.Count != Extent!.Count) is { } stranger)
        {
            throw new ArgumentException(
                $"A field has the extent {stranger.Extent} and another one {Extent}; expected one number of dimensions. Draw all " +
                "fields for the same samples.",
                name);
        }

        if (outputs == MixupOutputs.Both && HasCells && RowFields.AnyResizes)
        {
            throw new ArgumentException(
                "A ResizedBoxField, as of ResizeMix, has no second output, since resizing the partner loses part of it. " +
                "Choose MixupOutputs.Mixed or CleanAndMixed, or another method.",
                nameof(outputs));
        }

        Finder = Extent is null ? null : new ExtentFinder(Extent, position, isDrawnWithoutChannels);
        var others = Array.ConvertAll(coefficients, lambda => 1 - lambda);
        var first = new Combination(coefficients, others, partners);
        if (outputs.RowsPerSample == 1)
        {
            (map, rows) = (first, first.OnDevices);
        }
        else
        {
            var (ones, zeros) = (Array.ConvertAll(coefficients, _ => 1.0), new double[coefficients.Length]);
            map = HasClean
                ? new StackedMaps(new Combination(ones, zeros, partners), first)
                : new StackedMaps(first, new Combination(others, coefficients, partners));
            rows = HasClean
                ? new DeviceWeights([.. ones, .. coefficients], [.. zeros, .. others], [.. partners, .. partners])
                : new DeviceWeights([.. coefficients, .. others], [.. others, .. coefficients], [.. partners, .. partners]);
        }

        IsMixed = Rows > BatchSize || Array.Exists(coefficients, lambda => lambda != 1);

        // Compared in float32, the type in which most values are weighted. A smaller lambda underflows to 0 there.
        hasCopies = HasClean || Array.Exists(coefficients, lambda => (float)lambda == 0 || (float)(1 - lambda) == 0);
    }

    /// <summary>Gets the number of samples in the batch, B.</summary>
    public int BatchSize => coefficients.Length;

    /// <summary>
    /// Gets which rows are returned: the mixed samples, both combinations of each pair, or the clean samples followed by the mixed ones.
    /// </summary>
    public MixupOutputs Outputs { get; }

    /// <summary>Gets the number of rows of a blended tensor: B, or 2B for outputs with two rows per sample.</summary>
    public int Rows => Outputs.RowsPerSample * BatchSize;

    /// <summary>Gets the lambda of each of the B samples, from 0 to 1. It is the weight of the sample itself.</summary>
    public IReadOnlyList<double> Coefficients => Array.AsReadOnly(coefficients);

    /// <summary>Gets the field of each of the B samples.</summary>
    public IReadOnlyList<Field> Fields => Array.AsReadOnly(fields);

    /// <summary>Gets the extent for which the fields were drawn; null if all fields are numbers.</summary>
    public Extent? Extent { get; }

    /// <summary>Gets the partner of each of the B samples.</summary>
    public IReadOnlyList<long> Partners => Array.AsReadOnly(partners);

    /// <summary>Makes the identity mix: every lambda is 1, and every sample is its own partner.</summary>
    /// <param name="batchSize">The number of samples, 1 or more.</param>
    /// <returns>The mix.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public static Mix Identity(int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        return new Mix(Enumerable.Repeat(1.0, batchSize).ToArray(), [.. Enumerable.Range(0, batchSize).Select(sample => (long)sample)]);
    }

    /// <summary>
    /// Blends each sample with its partner. The operation is differentiable. Its backward pass only gathers, so it is deterministic on
    /// every device.
    /// </summary>
    /// <param name="tensor">
    /// The tensor, [B, ...], of type float16, bfloat16, float32, float64, or Byte for images. If all fields are numbers, any rank from 1 is
    /// supported; otherwise see the remarks of <see cref="Mix"/>. If every weight is 0 or 1, any type is supported, since the tensor is cut
    /// and pasted. Not modified.
    /// </param>
    /// <returns>
    /// A new tensor of the same shape, type, device and memory layout; [2B, ...] for outputs with two rows per sample. It is computed in at
    /// least float32 and rounded once. Bytes are rounded to nearest, ties to even; a value within 2^-14 of a tie may be rounded either way.
    /// A weight of 0 or 1 copies bits.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The tensor is a scalar, its first dimension is not B, its extent cannot be found, or its type cannot be blended.
    /// </exception>
    public Tensor Blend(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CheckBlendable(tensor);
        return BlendFunction.Apply(MapFor(tensor), tensor);
    }

    /// <summary>
    /// Blends bytes and converts them to float32 in one pass, with the result of converting both samples first. Fields that copy move the
    /// converted values.
    /// </summary>
    /// <param name="bytes">The tensor, [B, ...], of type Byte, with a rank as for <see cref="Blend(Tensor)"/>. Not modified.</param>
    /// <param name="toFloat">The conversion of bytes to float32.</param>
    /// <returns>
    /// A new float32 tensor of the same shape, device and memory layout; [2B, ...] for outputs with two rows per sample. A weight of 0 or 1
    /// gives the bits of <see cref="ToFloat.Apply"/>.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The tensor is not of type Byte, is a scalar, or its first dimension is not B. Or its extent cannot be found, or it does not have the
    /// channels of the conversion.
    /// </exception>
    public Tensor Blend(Tensor bytes, ToFloat toFloat)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(toFloat);
        CheckBlendable(bytes, nameof(bytes));
        var scale = toFloat.ScaleFor(bytes, nameof(bytes));
        return MapFor(bytes).ApplyToFloat(bytes, scale);
    }

    /// <summary>Blends by lambda a tensor of any shape that belongs to each whole sample.</summary>
    /// <param name="tensor">
    /// The tensor, [B, ...], of any rank from 1 and of type float16, bfloat16, float32, float64 or Byte. Not modified.
    /// </param>
    /// <returns>A new tensor, as from <see cref="Blend(Tensor)"/>.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, its first dimension is not B, or its type cannot be blended.</exception>
    public Tensor BlendWhole(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Blendable.Check(tensor, BatchSize, canCopy: false, nameof(tensor));
        return BlendFunction.Apply(map, tensor);
    }

    /// <summary>Selects the sample of each row of a blended tensor.</summary>
    /// <param name="tensor">The tensor, [B, ...], of any rank from 1 and of any type.</param>
    /// <returns>
    /// A new tensor object: a view of <paramref name="tensor"/>, or, for outputs with two rows per sample, a copy that holds the batch
    /// twice.
    /// </returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor SelectSamples(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up", nameof(tensor));
        return Rows == BatchSize ? tensor.alias() : cat([tensor, tensor]);
    }

    /// <summary>Selects the partner of each row of a blended tensor: <c>tensor[p]</c>.</summary>
    /// <param name="tensor">The tensor, [B, ...], of any rank from 1 and of any type.</param>
    /// <returns>A new tensor of the same type and device, with as many rows as a blended tensor.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor SelectPartners(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up", nameof(tensor));
        return tensor.index(TensorIndex.Tensor(rows.Partners(tensor.device)));
    }

    /// <summary>
    /// Makes the padding mask of a blended sequence. A position stays visible if either sample of the pair uses it. A sample that is not
    /// mixed (lambda 1) keeps its own mask. If the mask has the extent of the fields, it is cut and pasted as the cells are.
    /// </summary>
    /// <param name="mask">The mask, [B, ...], of type Bool.</param>
    /// <param name="trueIsPadding">
    /// Whether true marks padding, as in torch's <c>src_key_padding_mask</c>. If false, true marks positions in use. Default true.
    /// </param>
    /// <returns>A new mask, with as many rows as a blended tensor.</returns>
    /// <exception cref="ArgumentException">
    /// The mask is not of type Bool, its first dimension is not B, or its extent cannot be found.
    /// </exception>
    public Tensor UniteMask(Tensor mask, bool trueIsPadding = true)
    {
        ArgumentNullException.ThrowIfNull(mask);
        Check.HasBatch(mask, BatchSize, "the mask", nameof(mask));
        if (mask.dtype != ScalarType.Bool)
        {
            throw new ArgumentException(
                $"The mask is of type {mask.dtype}; expected a boolean one. Convert it by mask.to(ScalarType.Bool), and set trueIsPadding.",
                nameof(mask));
        }

        using var scope = NewDisposeScope();
        if (Extent is { Count: 1 } && mask.dim() == 2 && mask.size(1) != Extent[0])
        {
            throw new ArgumentException(
                $"A mask {Check.Shape(mask)} has no position for each step of the extent {Extent}; expected [{BatchSize}, {Extent[0]}]. " +
                "For inputs [B, T, F] set MixupOptions.ExtentPosition to BehindBatch, so that they are cut along T.",
                nameof(mask));
        }

        var within = HasCells ? Finder!.InInput(mask) : null;
        if (within is not null && RowFields.AnyInterpolates)
        {
            throw new ArgumentException(
                $"A mask {Check.Shape(mask)} cannot be interpolated; expected fields that resize to the nearest cell. " +
                "Choose Resizing.Nearest.",
                nameof(mask));
        }

        var (own, partner) = (SelectSamples(mask), SelectPartners(mask));
        partner = within is { } seen ? RowFields.Resized(partner, seen) : partner;
        var (ofOwn, ofPartner) = within is { } cells
            ? RowFields.Planes(cells, ScalarType.Float32, mask.device)
            : (rows.OfSamples(own), rows.OfPartners(own));
        var united = trueIsPadding
            ? own.bitwise_or(ofOwn.eq(Scalars.Zero)).bitwise_and(partner.bitwise_or(ofPartner.eq(Scalars.Zero)))
            : own.bitwise_and(ofOwn.ne(Scalars.Zero)).bitwise_or(partner.bitwise_and(ofPartner.ne(Scalars.Zero)));
        return united.MoveToOuterDisposeScope();
    }

    /// <summary>Makes a tensor of lambdas that broadcasts against another tensor.</summary>
    /// <param name="tensor">
    /// The tensor whose rank and device the result gets, [B, ...], or [2B, ...] for outputs with two rows per sample.
    /// </param>
    /// <returns>A new tensor [B, 1, ...] or [2B, 1, ...], of type float64 if <paramref name="tensor"/> is, otherwise float32.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or does not have as many rows as a blended tensor.</exception>
    public Tensor CreateCoefficients(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, Rows, "the tensor that gives the rank", nameof(tensor));
        using var view = rows.OfSamples(tensor);
        return view.clone();
    }

    /// <summary>Releases the copies for devices. The mix stays usable, and makes new copies when needed.</summary>
    public void Release()
    {
        map.Dispose();
        rows.Dispose();
        withoutClean?.Release();
        cleanAlone?.Release();
    }

    /// <summary>Compares two mixes by their fields, partners, outputs and extent.</summary>
    /// <param name="other">The other mix.</param>
    /// <returns>True if all are equal.</returns>
    public bool Equals(Mix? other) =>
        other is not null && Outputs == other.Outputs && position == other.position && Extent == other.Extent
        && partners.AsSpan().SequenceEqual(other.partners) && fields.SequenceEqual(other.fields);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Mix);

    /// <inheritdoc/>
    public override int GetHashCode() => fields.Aggregate(HashCode.Combine(Rows, partners[0]), HashCode.Combine);

    /// <summary>Returns the partner and the field of each sample as text.</summary>
    /// <returns>Text such as <c>Mix { 0 with 1: NumberField { Lambda = 0.5 }, ... }</c>.</returns>
    public override string ToString()
    {
        var pairs = fields.Select((field, sample) => $"{sample} with {partners[sample]}: {field}");
        return $"Mix {{ {string.Join(", ", pairs)}{(Outputs == default ? string.Empty : $"; {Outputs}")} }}";
    }

    /// <summary>Makes a mix of fields that were drawn for a batch.</summary>
    internal static Mix Drawn(
        Field[] fields, long[] partners, MixupOutputs outputs, ExtentPosition position, Extent? extent, bool isDrawnWithoutChannels) =>
        new(fields, partners, outputs, position, extent, isDrawnWithoutChannels, nameof(fields));

    /// <summary>Gets whether any field has cells; otherwise every tensor is weighted by lambda.</summary>
    internal bool HasCells { get; }

    /// <summary>Gets the fields of all output rows. They are made on first use, since numbers do not need them.</summary>
    internal RowFields RowFields => rowFields ??= new RowFields(fields, Outputs);

    /// <summary>Gets the finder of the extent in tensors; null if all fields are numbers.</summary>
    internal ExtentFinder? Finder { get; }

    /// <summary>Gets whether the clean samples precede the mixed ones.</summary>
    internal bool HasClean => Outputs.MixedWeight is not null;

    /// <summary>Gets the mix of the clean samples alone, with lambda 1.</summary>
    internal Mix CleanAlone => cleanAlone ??= new Mix(Array.ConvertAll(coefficients, _ => 1.0), partners);

    /// <summary>Gets the same draw for the mixed samples alone.</summary>
    internal Mix WithoutClean => withoutClean ??=
        Drawn(fields, partners, MixupOutputs.Mixed, position, Extent, Finder?.IsDrawnWithoutChannels == true);

    /// <summary>Gets whether any row differs from its own sample.</summary>
    internal bool IsMixed { get; }

    /// <summary>Returns the sample of a row of a blended tensor, its partner, and the weight of the sample.</summary>
    internal (int Sample, int Partner, double Lambda) Row(int row)
    {
        var sample = row < coefficients.Length ? row : row - coefficients.Length;
        var lambda = row < coefficients.Length
            ? HasClean ? 1 : coefficients[sample]
            : HasClean ? coefficients[sample] : 1 - coefficients[sample];
        return (sample, (int)partners[sample], lambda);
    }

    /// <summary>
    /// Returns the samples and the partners of each row of a blended tensor. A sample of weight 0 is replaced by the other one, since its
    /// loss may be infinite.
    /// </summary>
    internal (Tensor Own, Tensor Partner) PairUp(Tensor tensor)
    {
        if (!hasCopies)
        {
            return (SelectSamples(tensor), SelectPartners(tensor));
        }

        var (first, second) = (new long[Rows], new long[Rows]);
        for (var i = 0; i < Rows; i++)
        {
            var (sample, partner, lambda) = Row(i);
            (first[i], second[i]) = ((float)lambda == 0 ? partner : sample, (float)(1 - lambda) == 0 ? sample : partner);
        }

        Tensor Gather(long[] index) => tensor.index(TensorIndex.Tensor(torch.tensor(index).to(tensor.device, non_blocking: true)));
        return (Gather(first), Gather(second));
    }

    /// <summary>
    /// Returns the weights of the samples and of the partners, each [R, 1, ...] to broadcast against a tensor. They are views of a cache
    /// and must not be modified.
    /// </summary>
    internal Tensor[] WeightsOf(Tensor x) => [rows.OfSamples(x), rows.OfPartners(x)];

    /// <summary>Weights the values of both targets. A value of weight 0 does not change the sum, even if it is infinite.</summary>
    internal Tensor Weigh(Tensor own, Tensor partner)
    {
        Tensor Part(Tensor values, Tensor weights) =>
            hasCopies ? values.mul(weights).masked_fill(weights.eq(Scalars.Zero), Scalars.Zero) : values.mul(weights);
        return Part(own, rows.OfSamples(own)).add(Part(partner, rows.OfPartners(partner)));
    }

    /// <summary>Blends a tensor in place, for one output row per sample only.</summary>
    internal void BlendInPlace(Tensor tensor) => MapFor(tensor).Overwrite(tensor);

    /// <summary>Blends the output of a module. There, [B, F] holds features of the whole sample.</summary>
    /// <exception cref="ArgumentException">The shape is ambiguous, or <see cref="Blend(Tensor)"/> does not support the tensor.</exception>
    internal Tensor BlendInside(Tensor tensor)
    {
        Blendable.Check(tensor, BatchSize, canCopy: false, nameof(tensor));
        var within = Finder?.InFeatures(tensor); // always called, so that errors do not depend on the draw
        return BlendFunction.Apply(HasCells && within is { } cells ? FieldMap(cells.First) : map, tensor);
    }

    /// <summary>Blends a tensor whose extent begins at a given dimension.</summary>
    internal Tensor BlendAt(Tensor tensor, int first)
    {
        Blendable.Check(tensor, BatchSize, canCopy: true, nameof(tensor));
        return BlendFunction.Apply(FieldMap(first), tensor);
    }

    /// <summary>Checks the argument of <see cref="Blend(Tensor)"/>.</summary>
    internal void CheckBlendable(Tensor tensor, string name = "tensor")
    {
        Blendable.Check(tensor, BatchSize, canCopy: Finder is not null, name);
        if (!Check.IsBlendable(tensor.dtype))
        {
            Blendable.CheckHard(tensor, Finder!, RowFields, name);
        }
        else
        {
            Finder?.InInput(tensor); // always called, so that errors do not depend on the draw
        }
    }

    private LinearMap MapFor(Tensor tensor) =>
        (HasCells || !Check.IsBlendable(tensor.dtype)) && Finder?.InInput(tensor) is { } within ? FieldMap(within.First) : map;

    private LinearMap FieldMap(int first) => fieldMaps[first] ??= RowFields.MapAt(first, Extent!.Count, partners);

    private static Field[] Numbers(IReadOnlyList<double> coefficients)
    {
        ArgumentNullException.ThrowIfNull(coefficients);
        static Field Number(double lambda, int sample) => lambda is >= 0 and <= 1
            ? new NumberField(lambda)
            : throw new ArgumentException(
                $"Coefficient {sample} is {lambda}; expected 0 (the partner alone) to 1 (the sample alone).", nameof(coefficients));
        return [.. coefficients.Select(Number)];
    }

    private static long[] Copy(IReadOnlyList<long> partners)
    {
        ArgumentNullException.ThrowIfNull(partners);
        return [.. partners];
    }

    private static Field[] NotNull(IReadOnlyList<Field> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return fields.Contains(null)
            ? throw new ArgumentException(
                "A field is null; expected one for each sample. Give new NumberField(1) for a sample that is not mixed.", nameof(fields))
            : [.. fields];
    }

    private static void Validate(double[] coefficients, long[] partners, string name)
    {
        if (coefficients.Length == 0)
        {
            throw new ArgumentException("The batch is empty; expected one sample or more.", name);
        }

        if (partners.Length != coefficients.Length)
        {
            throw new ArgumentException(
                $"There are {coefficients.Length} {name} but {partners.Length} partners; expected as many. Give one of each for every " +
                "sample.", nameof(partners));
        }

        if (Array.FindIndex(partners, partner => partner < 0 || partner >= partners.Length) is var sample and >= 0)
        {
            throw new ArgumentException(
                $"The partner of sample {sample} is {partners[sample]}; expected the number of a sample, 0 to {partners.Length - 1}.",
                nameof(partners));
        }
    }
}
