using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A parallel loop on the threads that libtorch has. Between two operations they spin for a while, ready for the next one: threads of our
/// own would have to fight them for the cores, and would find the data in the wrong caches. Where libtorch was built with another runtime
/// than GNU's OpenMP, as on Windows and macOS, the loop runs on the threads of .NET.
/// </summary>
internal static unsafe class TorchThreads
{
    /// <summary>The <see cref="AppContext"/> switch that has the loop run on the threads of .NET everywhere.</summary>
    public const string Switch = "TorchSharp.Mixup.UseDotNetThreads";

    private static readonly delegate* unmanaged<delegate* unmanaged<Job*, void>, Job*, uint, uint, void> Fork =
        (delegate* unmanaged<delegate* unmanaged<Job*, void>, Job*, uint, uint, void>)LibTorchSharp.Find("GOMP_parallel");
    private static readonly delegate* unmanaged<int> ThreadNumber = (delegate* unmanaged<int>)LibTorchSharp.Find("omp_get_thread_num");
    private static readonly delegate* unmanaged<int> ThreadCount = (delegate* unmanaged<int>)LibTorchSharp.Find("omp_get_num_threads");

    /// <summary>
    /// How many libtorch uses, even if there are fewer processors: a team of another size would make OpenMP end threads and start others
    /// between an operation of libtorch and one of ours.
    /// </summary>
    public static int Count => get_num_threads();

    /// <summary>Runs all shares, 0 to <paramref name="shares"/> - 1, and returns when the last one is done.</summary>
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
            // The team may be smaller than asked for.
            var (first, count) = (ThreadNumber(), ThreadCount());
            for (var share = first; share < state.Shares; share += count)
            {
                state.Body(share);
            }
        }
        catch (Exception e) // would else end the process
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
