using System.Collections;

namespace TorchSharp.Mixup.Tests.Loading;

/// <summary>A source that says who enumerates it and how far, and fails where it is told to.</summary>
internal sealed class Watched<T>(int count, Func<int, T> make) : IEnumerable<T>
{
    private readonly LiveTensors threads = new();

    /// <summary>What it does before it gives item i, at i = count before it ends.</summary>
    public Action<int>? Before { get; init; }

    /// <summary>What it does when item i is read.</summary>
    public Action<int>? AtCurrent { get; init; }

    public Action? AtDispose { get; init; }

    /// <summary>The threads that enumerated it.</summary>
    public List<Thread> Threads { get; } = [];

    public int Made { get; private set; }

    public int Disposed { get; private set; }

    /// <summary>The tensors that live, counted over this thread and those that enumerated.</summary>
    public long LiveTensors => threads.Count;

    private int Count => count;

    private T Make(int i) => make(i);

    public IEnumerator<T> GetEnumerator()
    {
        Threads.Add(Thread.CurrentThread);
        threads.AddThis();
        return new Enumerator(this);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private sealed class Enumerator(Watched<T> source) : IEnumerator<T>
    {
        private int at = -1;
        private T current = default!;

        public T Current
        {
            get
            {
                source.AtCurrent?.Invoke(at);
                return current;
            }
        }

        object? IEnumerator.Current => Current;

        public bool MoveNext()
        {
            at++;
            source.Before?.Invoke(at);
            if (at >= source.Count)
            {
                return false;
            }

            current = source.Make(at);
            source.Made++;
            return true;
        }

        public void Reset() => throw new NotSupportedException();

        public void Dispose()
        {
            source.Disposed++;
            source.AtDispose?.Invoke();
        }
    }

}

/// <summary>TorchSharp counts live tensors by thread; what one makes another may dispose.</summary>
internal sealed class LiveTensors
{
    private readonly HashSet<ThreadDisposeScopeStatistics> all = new(ReferenceEqualityComparer.Instance) { DisposeScopeManager.Statistics };

    public long Count => all.Sum(one => one.TensorStatistics.ThreadTotalLiveCount);

    public void AddThis() => all.Add(DisposeScopeManager.Statistics);
}
