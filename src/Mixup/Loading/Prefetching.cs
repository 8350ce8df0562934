namespace TorchSharp.Mixup;

/// <summary>Makes the next batches on another thread while the model trains.</summary>
public static class Prefetching
{
    /// <summary>Enumerates a source on its own thread, up to a number of items ahead of the consumer.</summary>
    /// <typeparam name="T">The type of the items, such as <see cref="MixupStep"/> or a pair of tensors.</typeparam>
    /// <param name="source">
    /// The source of the items. It is enumerated again with every enumeration. It runs on one thread beside the consumer, so both must not
    /// share mutable state. Give it its own random generator: torch's global one is also used by the model, and its draws would not be
    /// reproducible.
    /// </param>
    /// <param name="ahead">
    /// The largest number of items that are made but not yet taken, 1 or more. Each needs the memory of a batch. 2 is enough if all items
    /// take about the same time.
    /// </param>
    /// <param name="cancellationToken">
    /// The token that ends the enumeration with an <see cref="OperationCanceledException"/>, even while it waits for an item.
    /// </param>
    /// <returns>
    /// The same items in the same order. The thread starts with the first item. An exception of the source is thrown in place of its item.
    /// When the enumeration ends for any reason, the current item is finished, the source's enumerator is disposed, and the thread ends.
    /// Items that were not taken are disposed if they are <see cref="IDisposable"/> or tuples of such. Items of an
    /// <see cref="ICollection{T}"/> are not disposed, since the collection owns them.
    /// </returns>
    /// <remarks>
    /// <para>
    /// The tensors of an item move to the dispose scope of the consumer when it takes the item. They are searched in the item itself, in
    /// tuples, in collections, and in its fields. Other tensors of the source live until the enumeration ends if the consumer has a dispose
    /// scope; otherwise the garbage collector frees them. Open a dispose scope in the source for temporary tensors. The source runs in the
    /// grad mode and the inference mode of the consumer. The first item is returned after the second is made; this detects a source that
    /// disposes its items too early.
    /// </para>
    /// <para>
    /// Prefetching does not change the draws of a strategy, which depend on the seed and the batch number alone.
    /// <see cref="IMixupStrategy.State"/> counts the batches that were taken, so a run resumed within an epoch repeats none and skips none.
    /// The state of your own strategy runs ahead meanwhile, and is restored when the enumeration ends.
    /// </para>
    /// <para>
    /// Let the source reuse its buffers instead of allocating new ones. TorchSharp 0.107 has a race: the garbage collector may free a
    /// scalar argument during a call, such as the 1 of <c>x.add_(1)</c>. The call then throws or ends the process. A second thread makes
    /// this more likely. <c>DOTNET_GCgen0size=0x10000000</c> in the environment makes collections rare.
    /// </para>
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ahead"/> is below 1.</exception>
    /// <exception cref="ArgumentException">
    /// The source is a <c>DataLoader</c> that disposes each batch when it makes the next one. A loader of <see cref="MixupStep"/> is
    /// allowed, since steps own their tensors.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// On enumeration: the source disposed its first item when it made the second. Or the strategy was used elsewhere, or its state was
    /// set, while its batches were prefetched. Or the strategy does not mix the input, so it cannot be prefetched.
    /// </exception>
    public static IEnumerable<T> Prefetch<T>(this IEnumerable<T> source, int ahead, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (ahead < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ahead), ahead, "Expected 1 item ahead or more; 2 is usual. To make no item ahead, leave Prefetch out.");
        }

        Loaders.ThrowIfItDisposesBatches(source);
        return new PrefetchedSequence<T>(source, ahead, cancellationToken);
    }
}
