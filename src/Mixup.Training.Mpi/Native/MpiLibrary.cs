using System.Runtime.InteropServices;
using System.Text;

namespace TorchSharp.Mixup.Training.Mpi;

/// <summary>The functions of the loaded MPI library. A failing one ends the whole job, which is MPI's default.</summary>
internal sealed unsafe partial class MpiLibrary
{
    private const int ThreadSerialized = 2; // calls come from any thread, but one at a time
    private const int LongestVersion = 8192;
    private readonly delegate* unmanaged[Cdecl]<int*, byte***, int, int*, int> initThread;
    private readonly delegate* unmanaged[Cdecl]<int> finalize;
    private readonly delegate* unmanaged[Cdecl]<nint, int, int> abort;
    private readonly delegate* unmanaged[Cdecl]<nint, int*, int> commRank;
    private readonly delegate* unmanaged[Cdecl]<nint, int*, int> commSize;
    private readonly delegate* unmanaged[Cdecl]<byte*, int*, int> getLibraryVersion;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, void*, int, nint, nint, int> allGather;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, int, nint, int> broadcast;
    private readonly delegate* unmanaged[Cdecl]<nint, void*, int, nint, nint, nint, int> allReduce;
    private readonly delegate* unmanaged[Cdecl]<void*, int*, int*, nint, void*, int*, int*, nint, nint, int> allToAll;
    private readonly delegate* unmanaged[Cdecl]<nint, int, nint*, int> createOperation;

    private MpiLibrary(nint handle, string file, Func<Func<string, nint>, MpiAbi> abi)
    {
        nint Export(string name) => NativeLibrary.TryGetExport(handle, name, out var address)
            ? address
            : throw new InvalidOperationException($"{file} has no {name}, so it is not the MPI library that its name says.");
        File = file;
        initThread = (delegate* unmanaged[Cdecl]<int*, byte***, int, int*, int>)Export("MPI_Init_thread");
        finalize = (delegate* unmanaged[Cdecl]<int>)Export("MPI_Finalize");
        abort = (delegate* unmanaged[Cdecl]<nint, int, int>)Export("MPI_Abort");
        commRank = (delegate* unmanaged[Cdecl]<nint, int*, int>)Export("MPI_Comm_rank");
        commSize = (delegate* unmanaged[Cdecl]<nint, int*, int>)Export("MPI_Comm_size");
        getLibraryVersion = (delegate* unmanaged[Cdecl]<byte*, int*, int>)Export("MPI_Get_library_version");
        allGather = (delegate* unmanaged[Cdecl]<void*, int, nint, void*, int, nint, nint, int>)Export("MPI_Allgather");
        broadcast = (delegate* unmanaged[Cdecl]<void*, int, nint, int, nint, int>)Export("MPI_Bcast");
        allReduce = (delegate* unmanaged[Cdecl]<nint, void*, int, nint, nint, nint, int>)Export("MPI_Allreduce");
        allToAll = (delegate* unmanaged[Cdecl]<void*, int*, int*, nint, void*, int*, int*, nint, nint, int>)Export("MPI_Alltoallv");
        createOperation = (delegate* unmanaged[Cdecl]<nint, int, nint*, int>)Export("MPI_Op_create");
        Abi = abi(Export);
    }

    /// <summary>Gets the file name of the library.</summary>
    public string File { get; }

    /// <summary>Gets the handles of the library.</summary>
    public MpiAbi Abi { get; }

    /// <summary>Loads the library of a launcher.</summary>
    /// <exception cref="InvalidOperationException">None of its libraries is on the machine.</exception>
    public static MpiLibrary Load(MpiLauncher launcher)
    {
        foreach (var name in launcher.Libraries)
        {
            if (Open(name.File) is not 0 and var handle)
            {
                return new MpiLibrary(handle, name.File, name.Abi);
            }
        }

        throw new InvalidOperationException(
            $"{launcher.Variable} says that the mpirun of {launcher.Name} started this process, but none of its libraries can be loaded " +
            $"({string.Join(", ", launcher.Libraries.Select(name => name.File))}). Install {launcher.Name} on every machine, or add the " +
            "folder of the library to LD_LIBRARY_PATH.");
    }

    /// <summary>Starts MPI. Returns the rank, the number of processes and the version of the library.</summary>
    public (int Rank, int Size, string Version) Start()
    {
        int provided, rank, size, length;
        Check(initThread(null, null, ThreadSerialized, &provided), "MPI_Init_thread");
        Check(commRank(Abi.World, &rank), "MPI_Comm_rank");
        Check(commSize(Abi.World, &size), "MPI_Comm_size");
        var text = stackalloc byte[LongestVersion];
        Check(getLibraryVersion(text, &length), "MPI_Get_library_version");
        return (rank, size, Encoding.UTF8.GetString(text, length).TrimEnd('\0').Split('\n')[0].Trim());
    }

    public void Stop() => Check(finalize(), "MPI_Finalize");

    public void Abort(int code) => _ = abort(Abi.World, code);

    /// <summary>Makes an operation from the address of a function of C's calling convention, which must commute.</summary>
    public nint Operation(nint function)
    {
        nint operation = 0; // a library with integer handles writes its lower half
        Check(createOperation(function, 1, &operation), "MPI_Op_create");
        return operation;
    }

    public void AllGather(void* own, void* all, int bytes) =>
        Check(allGather(own, bytes, Abi.Byte, all, bytes, Abi.Byte, Abi.World), "MPI_Allgather");

    public void Broadcast(void* bytes, int count, int from) => Check(broadcast(bytes, count, Abi.Byte, from, Abi.World), "MPI_Bcast");

    public void Sum(void* values, int count, nint type, nint operation) =>
        Check(allReduce(Abi.InPlace, values, count, type, operation, Abi.World), "MPI_Allreduce");

    public void AllToAll(void* sent, int* sentBytes, int* sentAt, void* received, int* receivedBytes, int* receivedAt) =>
        Check(allToAll(sent, sentBytes, sentAt, Abi.Byte, received, receivedBytes, receivedAt, Abi.Byte, Abi.World), "MPI_Alltoallv");

    // Open MPI's plugins look for symbols of the library that has loaded them, so it must be visible to all. .NET's own loading is not.
    private static nint Open(string file)
    {
        const int lazy = 1;
        var global = OperatingSystem.IsMacOS() ? 8 : 0x100;
        return OperatingSystem.IsWindows() ? 0 : OpenGlobally(file, lazy | global);
    }

    [LibraryImport("libc", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenGlobally(string file, int flags);

    private static void Check(int code, string function)
    {
        if (code != 0)
        {
            throw new InvalidOperationException($"{function} failed with code {code}. See what the MPI library wrote.");
        }
    }
}
