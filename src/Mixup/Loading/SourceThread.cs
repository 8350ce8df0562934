using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The thread that prefetches a source.</summary>
internal sealed class SourceThread<T> : IDisposable
{
    public const string Name = "Mixup.Prefetch";
    private readonly IEnumerable<T> source;
    private readonly CancellationToken token;
    private readonly CancellationTokenSource stop;
    private readonly Channel<MadeItem<T>> made;
    private readonly Thread thread;
    private readonly DrawAhead draws = new();
    private readonly bool isGradEnabled = is_grad_enabled();
    private readonly bool isInference = is_inference_mode_enabled();
    private readonly bool isScoped = IsScoped();
    private readonly HashSet<object> kept = new(ReferenceEqualityComparer.Instance); // objects of the source that belong to no item so far
    private readonly List<MadeItem<T>> left = []; // items after those in the channel
    private MadeItem<T>? refused; // an item before those in the channel
    private ExceptionDispatchInfo? errorOfDispose;

    public SourceThread(IEnumerable<T> source, int ahead, CancellationToken token)
    {
        (this.source, this.token) = (source, token);
        stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        made = Channel.CreateBounded<MadeItem<T>>(new BoundedChannelOptions(ahead)
        {
            SingleWriter = true,
            SingleReader = true,
            AllowSynchronousContinuations = true, // continuations only wake the waiting thread
        });
        thread = new Thread(Run) { IsBackground = true, Name = Name };
        thread.Start();
    }

    /// <summary>Waits for the next item and hands it to the consumer.</summary>
    public MadeItem<T> Take()
    {
        Wait(made.Reader.WaitToReadAsync(), token);
        token.ThrowIfCancellationRequested();
        if (!made.Reader.TryRead(out var item))
        {
            throw new InvalidOperationException(
                "The enumerator was disposed while it waited for an item. Dispose it on the thread that calls MoveNext.");
        }

        try
        {
            item.HandOver();
            return item;
        }
        catch
        {
            refused = item;
            throw;
        }
    }

    /// <summary>
    /// Ends the thread, waits for it, and disposes the items that were not taken. Rethrows the first exception of the source's or an item's
    /// Dispose.
    /// </summary>
    public void Dispose()
    {
        stop.Cancel();
        thread.Join();
        stop.Dispose();
        var (ownsItems, ownsTensors) = (source is not ICollection<T>, Loaders.Behind(source) is not null);
        List<MadeItem<T>> waiting = refused is null ? [] : [refused];
        while (made.Reader.TryRead(out var item))
        {
            waiting.Add(item);
        }

        waiting.AddRange(left);
        waiting.Reverse(); // restores the state of a strategy draw by draw
        foreach (var item in waiting)
        {
            try
            {
                item.Drop(ownsItems, ownsTensors);
            }
            catch (Exception e)
            {
                errorOfDispose ??= ExceptionDispatchInfo.Capture(e); // the other items are still disposed
            }
        }

        errorOfDispose?.Throw();
    }

    /// <summary>Disposes without exceptions, for an abandoned enumeration.</summary>
    public void DisposeQuietly()
    {
        try
        {
            Dispose();
        }
        catch (Exception)
        {
            // On this thread an exception would end the process.
        }
    }

    private void Run()
    {
        draws.Enter();
        using var mode = inference_mode(isInference);
        using var grad = set_grad_enabled(isGradEnabled);
        IEnumerator<T>? items = null;
        var item = Make(ref items);
        if (!item.IsEnd && !stop.IsCancellationRequested)
        {
            var (first, second) = (item, Make(ref items));
            if (ItemParts.AnyIsDisposed(first.Item))
            {
                item = first with { Item = default, IsEnd = true, Error = DisposedTooEarly() };
                left.Add(second);
            }
            else
            {
                Write(first);
                item = second;
            }
        }

        while (Write(item) && !item.IsEnd && HasRoom())
        {
            item = Make(ref items);
        }

        try
        {
            using var scope = NewDisposeScope();
            items?.Dispose();
        }
        catch (Exception e)
        {
            errorOfDispose = ExceptionDispatchInfo.Capture(e);
        }

        foreach (var one in kept)
        {
            ((IDisposable)one).Dispose();
        }

        made.Writer.Complete();
    }

    private MadeItem<T> Make(ref IEnumerator<T>? items)
    {
        using var scope = NewDisposeScope();
        T? item = default;
        var isEnd = true;
        ExceptionDispatchInfo? error = null;
        HashSet<object?> parts = [];
        var isKnown = true;
        try
        {
            items ??= source.GetEnumerator();
            if (items.MoveNext())
            {
                item = items.Current;
                (parts, isKnown) = (ItemParts.Of(item).ToHashSet<object?>(ReferenceEqualityComparer.Instance), ItemParts.IsKnown(item));
                isEnd = false;
            }
        }
        catch (Exception e)
        {
            error = ExceptionDispatchInfo.Capture(e);
        }

        var made = scope.DisposablesView;
        scope.Detach(made);

        // Objects that are not part of the item stay with the source, which may still use them or return them later.
        IDisposable[] ofItem = [.. made.Where(parts.Contains), .. parts.OfType<IDisposable>().Where(kept.Remove)];
        kept.UnionWith(isScoped && isKnown ? made.Where(one => !parts.Contains(one)) : []);
        return new MadeItem<T>(item, isEnd, error, ofItem, draws.Take());
    }

    /// <summary>
    /// Returns whether the consumer has a dispose scope. TorchSharp has no property for it, but counts tensors that leave the outermost
    /// scope.
    /// </summary>
    private static bool IsScoped()
    {
        var counts = DisposeScopeManager.Statistics.TensorStatistics;
        using var inner = NewDisposeScope();
        using var probe = empty(0);
        var before = counts.DetachedFromScopeCount;
        inner.MoveToOuter(probe);
        return counts.DetachedFromScopeCount == before;
    }

    /// <summary>Waits until the next item may be made. Returns false if the enumeration ends.</summary>
    private bool HasRoom()
    {
        try
        {
            return Wait(made.Writer.WaitToWriteAsync(), stop.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private bool Write(MadeItem<T> item)
    {
        if (HasRoom() && made.Writer.TryWrite(item))
        {
            return true;
        }

        left.Add(item);
        return false;
    }

    // Cancels the wait instead of the task, which needs no thread of a pool that may be exhausted.
    private static bool Wait(ValueTask<bool> waiting, CancellationToken token)
    {
        if (waiting.IsCompleted)
        {
            return waiting.Result;
        }

        var task = waiting.AsTask();
        task.Wait(token);
        return task.Result;
    }

    private static ExceptionDispatchInfo DisposedTooEarly() => ExceptionDispatchInfo.Capture(new InvalidOperationException(
        "The source disposed its first item when it made the second; expected items that live until the consumer disposes them. Use " +
        "no 'using' around what an iterator yields, move tensors out of its dispose scope, and set disposeBatch: false for a DataLoader."));
}
