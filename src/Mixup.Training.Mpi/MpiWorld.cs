using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training.Mpi;

/// <summary>
/// The processes that <c>mpirun</c> started, as a <see cref="Communicator"/>. It uses the MPI library of the machine: Open MPI 4 or 5,
/// MPICH or one of its ABI, or the ABI of MPI 5.
/// </summary>
/// <remarks>
/// MPI is started with the first use of <see cref="Current"/>, and closed when the program ends. An exception that nobody catches ends all
/// processes, and so does a program that ends on one rank while others still wait for it.
/// </remarks>
public sealed class MpiWorld : Communicator
{
    private static readonly Lazy<MpiWorld> World = new(Start);
    private readonly object gate = new();
    private readonly MpiLibrary? library; // null for one process
    private nint sumFloat16;
    private nint sumBFloat16;
    private bool isClosed;

    private MpiWorld(MpiLibrary? library, int rank, int size, string name)
        : base(rank, size)
    {
        (this.library, Name) = (library, name);
        SumsOnDevice = Environment.GetEnvironmentVariable("MIXUP_MPI_CUDA") == "1";
    }

    /// <summary>
    /// Gets the processes of this run. Without <c>mpirun</c> there is one, and a line on the error stream says so.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// <c>mpirun</c> started the process, but its MPI library cannot be loaded, or is not of that <c>mpirun</c>.
    /// </exception>
    public static MpiWorld Current => World.Value;

    /// <summary>Gets the name and version of the MPI library, for instance <c>Open MPI v4.1.4</c>; <c>none</c> for one process.</summary>
    public string Name { get; }

    /// <summary>
    /// Gets whether gradients on a CUDA device are summed there. Set the environment variable <c>MIXUP_MPI_CUDA</c> to 1 if your MPI
    /// library is CUDA-aware. Default false: they pass through pinned host memory.
    /// </summary>
    public override bool SumsOnDevice { get; }

    /// <summary>Returns the rank, the size and the library as text.</summary>
    /// <returns>For instance <c>rank 1 of 4, Open MPI v4.1.4</c>.</returns>
    public override string ToString() => $"rank {Rank} of {Size}, {Name}";

    /// <inheritdoc/>
    protected override unsafe void AllGather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        lock (gate)
        {
            fixed (byte* from = own, to = all)
            {
                Open().AllGather(from, to, own.Length);
            }
        }
    }

    /// <inheritdoc/>
    protected override unsafe void Broadcast(Span<byte> bytes, int from)
    {
        lock (gate)
        {
            fixed (byte* address = bytes)
            {
                Open().Broadcast(address, bytes.Length, from);
            }
        }
    }

    /// <inheritdoc/>
    protected override unsafe void Sum(nint values, long count, ScalarType type)
    {
        const int most = 1 << 30; // MPI counts in 32 bits
        lock (gate)
        {
            var mpi = Open();
            var (mpiType, operation, size) = type switch
            {
                ScalarType.Float32 => (mpi.Abi.Float32, mpi.Abi.Sum, sizeof(float)),
                ScalarType.Float64 => (mpi.Abi.Float64, mpi.Abi.Sum, sizeof(double)),
                ScalarType.Float16 => (mpi.Abi.UInt16, sumFloat16, sizeof(ushort)),
                ScalarType.BFloat16 => (mpi.Abi.UInt16, sumBFloat16, sizeof(ushort)),
                _ => throw new ArgumentException($"Values of type {type} cannot be summed; expected a floating type.", nameof(type)),
            };
            for (var at = 0L; at < count; at += most)
            {
                mpi.Sum((void*)(values + (nint)(at * size)), (int)Math.Min(most, count - at), mpiType, operation);
            }
        }
    }

    /// <inheritdoc/>
    protected override unsafe void Exchange(
        ReadOnlySpan<byte> sent, ReadOnlySpan<int> sentCounts, Span<byte> received, ReadOnlySpan<int> receivedCounts)
    {
        lock (gate)
        {
            fixed (byte* from = sent, to = received)
            {
                fixed (int* fromCounts = sentCounts, toCounts = receivedCounts, fromAt = Starts(sentCounts), toAt = Starts(receivedCounts))
                {
                    Open().AllToAll(from, fromCounts, fromAt, to, toCounts, toAt);
                }
            }
        }
    }

    private static MpiWorld Start()
    {
        if (MpiLauncher.Find() is not { } launcher)
        {
            SayThatThereIsOne();
            return new MpiWorld(null, 0, 1, "none");
        }

        var library = MpiLibrary.Load(launcher);
        var (rank, size, name) = library.Start();
        if (launcher.Size is { } expected && expected != size)
        {
            throw new InvalidOperationException(
                $"{launcher.Variable} says that mpirun started {expected} processes, but {library.File} ({NameOf(name)}) knows of " +
                $"{size}. The library is of another MPI than mpirun. Start the program by the mpirun of that library, or install the " +
                "library of that mpirun. If no mpirun started this program, unset the variable.");
        }

        if (size == 1)
        {
            SayThatThereIsOne();
        }

        var world = new MpiWorld(library, rank, size, NameOf(name));
        world.Prepare();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => world.Close();
        AppDomain.CurrentDomain.UnhandledException += (_, e) => world.End(e.ExceptionObject as Exception);
        return world;
    }

    private static void SayThatThereIsOne() =>
        Console.Error.WriteLine("mixup: mpirun did not start several processes of this program, so it trains in one.");

    // "Open MPI v4.1.4, package: ..." and "MPICH Version:    4.0.2".
    private static string NameOf(string version)
    {
        var name = version.Split(',')[0].Replace("Version:", " ", StringComparison.Ordinal);
        return string.Join(' ', name.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries));
    }

    private static int[] Starts(ReadOnlySpan<int> counts)
    {
        var starts = new int[counts.Length];
        for (var i = 1; i < starts.Length; i++)
        {
            starts[i] = starts[i - 1] + counts[i - 1];
        }

        return starts;
    }

    // Handles come from tables, so they are tried before anybody trusts a sum: 1 + 2 + ... + n.
    private unsafe void Prepare()
    {
        (sumFloat16, sumBFloat16) = (library!.Operation(HalfSums.Float16), library.Operation(HalfSums.BFloat16));
        var (number, expected) = (Rank + 1, Size * (Size + 1L) / 2);
        double asDouble = number;
        float asFloat = number;
        var asHalf = BitConverter.HalfToUInt16Bits((Half)1);
        Sum((nint)(&asDouble), 1, ScalarType.Float64);
        Sum((nint)(&asFloat), 1, ScalarType.Float32);
        Sum((nint)(&asHalf), 1, ScalarType.Float16);
        if (asDouble != expected || asFloat != (float)expected || (float)BitConverter.UInt16BitsToHalf(asHalf) != (float)(Half)Size)
        {
            throw new InvalidOperationException(
                $"{library.File} ({Name}) adds 1 to {Size} to {asDouble} and {asFloat}, and ones to " +
                $"{BitConverter.UInt16BitsToHalf(asHalf)}, so its ABI is not the one that its name says. Use Open MPI 4 or 5, or MPICH 3 " +
                "or 4.");
        }
    }

    private MpiLibrary Open() => library is null || isClosed
        ? throw new InvalidOperationException("There is no other process to communicate with.")
        : library;

    // The runtime writes the exception and ends this process with a code that is not 0, upon which mpirun ends the others: after they have
    // had their own error, if they know of this one.
    private void End(Exception? exception)
    {
        if (exception is not null && IsKnown(exception))
        {
            Close();
            return;
        }

        Console.Error.WriteLine($"Rank {Rank}: {exception}");
        library!.Abort(1);
    }

    // A process that is being killed may be within a call: then its lock is taken, and nothing is left to be said.
    private void Close()
    {
        if (!Monitor.TryEnter(gate))
        {
            return;
        }

        try
        {
            Leave();
            isClosed = true;
            library!.Stop();
        }
        finally
        {
            Monitor.Exit(gate);
        }
    }
}
