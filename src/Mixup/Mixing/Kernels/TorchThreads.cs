using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Runs a parallel loop on libtorch's threads. These spin for a while between two operations, so other threads would compete with them for
/// the cores, and would find the data in the wrong caches. If libtorch uses another runtime than GNU's OpenMP, as on Windows and macOS, the
/// loop runs on .NET threads.
/// </summary>
internal static unsafe class TorchThreads
{
    /// <summary>The <see cref="AppContext"/> switch that makes the loop run on .NET threads everywhere.</summary>
    public const string Switch = "TorchSharp.Mixup.UseDotNetThreads";

    private static readonly delegate* unmanaged<delegate* unmanaged<Job*, void>, Job*, uint, uint, void> Fork =
        (delegate* unmanaged<delegate* unmanaged<Job*, void>, Job*, uint, uint, void>)LibTorchSharp.Find("GOMP_parallel");
    private static readonly delegate* unmanaged<int> ThreadNumber = (delegate* unmanaged<int>)LibTorchSharp.Find("omp_get_thread_num");
    private static readonly delegate* unmanaged<int> ThreadCount = (delegate* unmanaged<int>)LibTorchSharp.Find("omp_get_num_threads");

    /// <summary>
    /// Gets the number of libtorch's threads, even if there are fewer processors. With a team of another size, OpenMP would end and start
    /// threads between an operation of libtorch and one of this library.
    /// </summary>
    public static int Count => get_num_threads();

    /// <summary>Runs a body for 0 to <paramref name="shares"/> - 1, and returns when all are done.</summary>
    public static void For(int shares, Action<int> body)
    {
        if (shares == 1)
        {
            body(0);
            return;
        }

        if (Fork == null || ThreadNumber == null || ThreadCount == null || (AppContext.TryGetSwitch(Switch, out var on) && on))
        {
            Parallel.For(0, shares, new ParallelOptions { MaxDegreeOfParallelism = shares }, body);
            return;
        }

        var state = new State(body, shares);
        var job = new Job { State = GCHandle.Alloc(state) };
        try
        {
            Fork(&Work, &job, (uint)shares, 0);
        }
        finally
        {
            job.State.Free();
        }

        state.Error?.Throw();
    }

    [UnmanagedCallersOnly]
    private static void Work(Job* job)
    {
        var state = Unsafe.As<State>(job->State.Target!);
        try
        {
            // The team may be smaller than requested.
            var (first, count) = (ThreadNumber(), ThreadCount());
            for (var share = first; share < state.Shares; share += count)
            {
                state.Body(share);
            }
        }
        catch (Exception e) // would otherwise end the process
        {
            state.Error = ExceptionDispatchInfo.Capture(e);
        }
    }

    private struct Job
    {
        public GCHandle State;
    }

    private sealed class State(Action<int> body, int shares)
    {
        public Action<int> Body => body;

        public int Shares => shares;

        public ExceptionDispatchInfo? Error { get; set; }
    }
}
