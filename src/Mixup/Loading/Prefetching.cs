namespace TorchSharp.Mixup;

/// <summary>Makes batches on another thread, while the last one trains.</summary>
public static class Prefetching
{
    /// <summary>Enumerates a source on a thread of its own, up to some items ahead of the consumer.</summary>
    /// <typeparam name="T">Such as <see cref="MixupStep"/>, or a pair of tensors.</typeparam>
    /// <param name="source">
    /// What makes the items, enumerated anew with every enumeration. It runs on one thread, beside the consumer: it must not share anything
    /// with it that changes. If it draws from torch's global generator, so does the model at the same time, and the draws cannot be
    /// repeated: give it a generator of its own.
    /// </param>
    /// <param name="ahead">
    /// How many items may be made and not yet taken, 1 or more. Each costs the memory of a batch; 2 is enough if all take about as long.
    /// </param>
    /// <param name="cancellationToken">
    /// Ends the enumeration by an <see cref="OperationCanceledException"/>, also while it waits for an item.
    /// </param>
    /// <returns>
    /// The same items in the same order, lazily: the thread starts when the first one is asked for. An exception of the source is thrown
    /// where its item would have come. When the enumeration ends, however it ends, the thread ends, and the source's enumerator is disposed
    /// there; an item that the source is making is finished before. Items that nobody took are disposed if they are <see
    /// cref="IDisposable"/>, or tuples of such, unless the source is an <see cref="ICollection{T}"/>, whose items are not made for it.
    /// </returns>
    /// <remarks>
    /// <para>
    /// Tensors that the source makes with an item belong to the dispose scope of whoever takes the item, as if they were made there; those
    /// of items that nobody took are disposed. They are looked for in the item itself, in tuples, in collections, and in its fields. What
    /// else the source makes lives until the enumeration ends, if the consumer has a dispose scope; otherwise it is left to the garbage
    /// collector, as it is without this. Open a dispose scope in the source for what it makes on the way. The source runs in the grad mode
    /// and the inference mode of the consumer. The first item is given once the second is made,
    /// which shows whether the source disposes its items too early.
    /// </para>
    /// <para>
    /// Draws are those that a strategy makes without this: they depend on the seed and the number of the batch alone. <see
    /// cref="IMixupStrategy.State"/> counts the batches that were taken, so a run that is resumed in the middle of an epoch repeats none
    /// and misses none. The state of a strategy of one's own runs ahead meanwhile, and is put back when the enumeration ends.
    /// </para>
    /// <para>
    /// Let the source use its buffers again instead of making new ones. TorchSharp 0.107 may free a number that a running call reads, such
    /// as the 1 of <c>x.add_(1)</c>, when the garbage collector runs in that moment, and a second thread makes that likelier: the call then
    /// throws, or ends the process. <c>DOTNET_GCgen0size=0x10000000</c> in the environment makes collections rare.
    /// </para>
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ahead"/> is below 1.</exception>
    /// <exception cref="ArgumentException">
    /// The source is a <c>DataLoader</c> that disposes each batch when it makes the next one, unless it loads <see cref="MixupStep"/>,
    /// which own what they hold.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// On enumeration: the source disposed its first item when it made the second; or the strategy drew for another batch, or its state was
    /// set, while its batches were made ahead; or it mixes in the model or after it, which cannot be done ahead.
    /// </exception>
    public static IEnumerable<T> Prefetch<T>(this IEnumerable<T> source, int ahead, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (ahead < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ahead), ahead, "Expected 1 item ahead or more; 2 is usual. To make nothing ahead leave Prefetch out.");
        }

        Loaders.ThrowIfItDisposesBatches(source);
        return new PrefetchedSequence<T>(source, ahead, cancellationToken);
    }
}
