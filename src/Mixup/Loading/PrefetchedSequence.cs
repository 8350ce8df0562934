using System.Collections;

namespace TorchSharp.Mixup;

/// <summary>A sequence that is prefetched, by one thread for each enumeration.</summary>
internal sealed class PrefetchedSequence<T>(IEnumerable<T> source, int ahead, CancellationToken token) : IEnumerable<T>, IDerivedSequence
{
    public object Source => source;

    public IEnumerator<T> GetEnumerator() => new Enumerator(source, ahead, token);

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>
    /// The enumerator of the consumer. The thread holds no reference to it, so that its finalizer can end the thread of an abandoned
    /// enumeration.
    /// </summary>
    private sealed class Enumerator(IEnumerable<T> source, int ahead, CancellationToken token) : IEnumerator<T>
    {
        private SourceThread<T>? thread;
        private bool isOver;

        ~Enumerator() => ThreadPool.UnsafeQueueUserWorkItem(thread => thread?.DisposeQuietly(), thread, preferLocal: false);

        public T Current { get; private set; } = default!;

        object? IEnumerator.Current => Current;

        public bool MoveNext()
        {
            if (isOver)
            {
                return false;
            }

            isOver = true; // an exception ends the enumeration, as for an iterator
            Current = default!;
            token.ThrowIfCancellationRequested();
            thread ??= new SourceThread<T>(source, ahead, token);
            var made = thread.Take();
            made.Error?.Throw();
            (Current, isOver) = (made.Item!, made.IsEnd);
            return !isOver;
        }

        public void Reset() => throw new NotSupportedException("A prefetched enumeration cannot be reset. Enumerate the sequence again.");

        public void Dispose()
        {
            GC.SuppressFinalize(this);
            (isOver, var ending) = (true, Interlocked.Exchange(ref thread, null));
            ending?.Dispose();
        }
    }
}
