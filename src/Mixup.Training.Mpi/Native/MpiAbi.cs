namespace TorchSharp.Mixup.Training.Mpi;

/// <summary>The handles of an MPI library. Its functions take addresses or integers, which both travel as a machine word.</summary>
/// <param name="World">The communicator of all processes.</param>
/// <param name="Byte">The type of bytes.</param>
/// <param name="UInt16">The type of 16-bit words, which carry half types.</param>
/// <param name="Float32">The type of float32.</param>
/// <param name="Float64">The type of float64.</param>
/// <param name="Sum">The operation that adds.</param>
/// <param name="InPlace">The address that stands for "the result is where the values are".</param>
internal sealed record MpiAbi(nint World, nint Byte, nint UInt16, nint Float32, nint Float64, nint Sum, nint InPlace)
{
    /// <summary>MPICH, Intel MPI and others of the MPICH ABI: integers (mpi.h of MPICH 3 and 4).</summary>
    public static MpiAbi Mpich { get; } = new(0x44000000, 0x4c00010d, 0x4c000204, 0x4c00040a, 0x4c00080b, 0x58000003, -1);

    /// <summary>The ABI that MPI 5.0 defines, section 20. It was written from the published constants, and has not been run.</summary>
    public static MpiAbi Standard { get; } = new(0x101, 0x247, 0x249, 0x210, 0x214, 0x21, 1);

    /// <summary>Open MPI 4 and 5: the addresses of objects that the library exports.</summary>
    /// <param name="export">Returns the address of an export.</param>
    public static MpiAbi OpenMpi(Func<string, nint> export) => new(
        export("ompi_mpi_comm_world"),
        export("ompi_mpi_byte"),
        export("ompi_mpi_unsigned_short"),
        export("ompi_mpi_float"),
        export("ompi_mpi_double"),
        export("ompi_mpi_op_sum"),
        InPlace: 1);
}
