using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A parallel loop on the threads that libtorch has. Between two operations they spin for a while, ready for the next one: threads of our own would have to fight them for the cores, and
/// would find the data in the wrong caches. Where libtorch was built with another runtime than GNU's OpenMP, the loop runs on the threads of .NET.
/// </summary>
internal static unsafe class TorchThreads
{
    private static readonly delegate* unmanaged<delegate* unmanaged<Job*, void>, Job*, uint, uint, void> Fork = (delegate* unmanaged<delegate* unmanaged<Job*, void>, Job*, uint, uint, void>)Find("GOMP_parallel");
    private static readonly delegate* unmanaged<int> ThreadNumber = (delegate* unmanaged<int>)Find("omp_get_thread_num");
    private static readonly delegate* unmanaged<int> ThreadCount = (delegate* unmanaged<int>)Find("omp_get_num_threads");

    /// <summary>How many there are.</summary>
    public static int Count => Math.Min(Environment.ProcessorCount, get_num_threads());

    /// <summary>Runs all shares, 0 to <paramref name="shares"/> - 1, and returns when the last one is done.</summary>
    public static void For(int shares, Action<int> body)
    {
        if (shares == 1)
        {
            body(0);
            return;
        }

        if (Fork == null || ThreadNumber == null || ThreadCount == null)
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

    // The search goes on into the libraries that this one needs, so that the OpenMP found is the one that libtorch runs on, whatever its file is called.
    private static void* Find(string name) =>
        NativeLibrary.TryLoad("LibTorchSharp", typeof(torch).Assembly, null, out var library) && NativeLibrary.TryGetExport(library, name, out var address) ? (void*)address : null;

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
