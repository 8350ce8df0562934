using System.Buffers.Binary;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The state of torch's generator on the CPU. A state that is none makes libtorch throw where TorchSharp does not catch it, which ends the
/// process: so it is looked at before.
/// </summary>
internal static class RandomState
{
    // libtorch's CPUGeneratorImplState: seed, left, seeded, next, 624 words of the Mersenne twister, and two normal variates kept for the
    // next call.
    private const int Size = 5_056;
    private const int Words = 624;
    private const int Left = 8;
    private const int Seeded = 12;
    private const int Next = 16;
    private const int FlagOfDouble = 5_040;
    private const int FlagOfFloat = 5_052;

    /// <summary>Compares a state with what this version of libtorch keeps.</summary>
    /// <exception cref="InvalidDataException">The bytes are no such state.</exception>
    public static void Check(byte[] state, string path)
    {
        using var scope = NewDisposeScope();
        if (state.Length != get_rng_state().numel() || (state.Length == Size && !IsWhole(state)))
        {
            throw new InvalidDataException($"{path} is damaged, or of another version of libtorch: its state of torch's random generator " +
                "is not one.");
        }
    }

    /// <summary>Sets the generator to a state that passed <see cref="Check"/>.</summary>
    public static void Restore(byte[] state)
    {
        using var scope = NewDisposeScope();
        set_rng_state(tensor(state, ScalarType.Byte));
    }

    private static bool IsWhole(ReadOnlySpan<byte> state) =>
        BinaryPrimitives.ReadInt32LittleEndian(state[Left..]) is > 0 and <= Words
        && BinaryPrimitives.ReadInt32LittleEndian(state[Seeded..]) == 1
        && BinaryPrimitives.ReadUInt64LittleEndian(state[Next..]) <= Words
        && BinaryPrimitives.ReadInt32LittleEndian(state[FlagOfDouble..]) is 0 or 1
        && state[FlagOfFloat] <= 1;
}
