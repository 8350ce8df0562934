using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Converts the items of loaders to batches.</summary>
public static class BatchExtensions
{
    /// <summary>Converts pairs of input and target.</summary>
    /// <param name="pairs">Input and target of each batch.</param>
    /// <returns>
    /// The batches, lazily. The epoch reaches a source that is <see cref="IEpochAware"/>. The number of batches is known where the source
    /// tells it.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="pairs"/> is null.</exception>
    public static IEnumerable<Batch> AsBatches(this IEnumerable<(Tensor Input, Tensor Target)> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        return new ConvertedSequence<(Tensor Input, Tensor Target), Batch>(pairs, pair => new Batch(pair.Input, pair.Target));
    }

    /// <summary>Converts batches that were mixed in the loader, see <see cref="Collation"/>.</summary>
    /// <param name="steps">The mixed batches.</param>
    /// <returns>
    /// The batches, lazily. The epoch reaches a source that is <see cref="IEpochAware"/>. The number of batches is known where the source
    /// tells it.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="steps"/> is null.</exception>
    public static IEnumerable<Batch> AsBatches(this IEnumerable<MixupStep> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        return new ConvertedSequence<MixupStep, Batch>(steps, step => new Batch(step));
    }

    /// <summary>
    /// Marks batches that are the rank's own, such as those of its own files, so that data-parallel training takes them whole. All ranks
    /// need the same number of batches, which may differ in size. In one process they are what they were.
    /// </summary>
    /// <param name="batches">The batches of this rank.</param>
    /// <returns>The same batches, lazily.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="batches"/> is null.</exception>
    public static IEnumerable<Batch> AsShard(this IEnumerable<Batch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return new OwnBatches(batches);
    }

    /// <inheritdoc cref="AsShard(IEnumerable{Batch})"/>
    public static IEnumerable<Batch> AsShard(this IEnumerable<(Tensor Input, Tensor Target)> batches) => batches.AsBatches().AsShard();

    /// <summary>Mixes batches in the loader. See <see cref="Collation"/>.</summary>
    /// <param name="strategy">How batches are mixed: <see cref="InputMixup"/>, or one of your own that mixes the input.</param>
    /// <param name="batches">The plain batches. Their tensors stay whose they are.</param>
    /// <returns>The mixed batches, lazily. Each owns its inputs and a copy of its target.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy mixes in the model or after it; or, on enumeration, as <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    /// <exception cref="InvalidOperationException">On enumeration: a batch is mixed already.</exception>
    public static IEnumerable<MixupStep> Mix(this IMixupStrategy strategy, IEnumerable<Batch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return strategy.Mix(new ConvertedSequence<Batch, (IReadOnlyList<Tensor> Inputs, Tensor Target)>(batches, Plain));
    }

    /// <summary>Converts dictionaries, which TorchSharp's <c>DataLoader</c> returns.</summary>
    /// <param name="loader">The loader.</param>
    /// <param name="target">The key of the target.</param>
    /// <param name="inputs">The keys of the inputs, in the order in which the model takes them.</param>
    /// <returns>
    /// The batches, lazily. The epoch reaches a source that is <see cref="IEpochAware"/>. The number of batches is known where the source
    /// tells it.
    /// </returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">No input is named, or, on enumeration, a key is missing.</exception>
    public static IEnumerable<Batch> AsBatches(this IEnumerable<Dictionary<string, Tensor>> loader, string target, params string[] inputs)
    {
        ArgumentNullException.ThrowIfNull(loader);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Length == 0)
        {
            throw new ArgumentException("Name the key of one input or more.", nameof(inputs));
        }

        return new ConvertedSequence<Dictionary<string, Tensor>, Batch>(
            loader, batch => new Batch([.. inputs.Select(key => Find(batch, key))], Find(batch, target)));
    }

    private static (IReadOnlyList<Tensor> Inputs, Tensor Target) Plain(Batch batch) => batch.Step is null
        ? (batch.Inputs, batch.Target)
        : throw new InvalidOperationException("The batch is mixed already, and would be mixed twice. Mix plain batches.");

    private static Tensor Find(Dictionary<string, Tensor> batch, string key) =>
        batch.TryGetValue(key, out var tensor)
            ? tensor
            : throw new ArgumentException($"The batch has no '{key}'; it has {string.Join(", ", batch.Keys.Order())}.");
}
