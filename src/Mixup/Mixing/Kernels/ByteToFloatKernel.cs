using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Combines bytes and converts them to float32 in one pass. Each byte is read once or twice, mostly from the caches, and each result is
/// written once.
/// </summary>
internal static unsafe class ByteToFloatKernel
{
    // A chunk of a row stays in the L1 or L2 cache until it is read again as a sample.
    private const int ChunkLength = 32 * 1024;

    // Below this size one thread finishes before the others start.
    private const long ParallelElements = 32 << 10;

    /// <summary>
    /// Applies one combination or two, and concatenates their rows. Returns null if the kernel does not support the device, or a layout in
    /// which a row is not one block.
    /// </summary>
    public static Tensor? TryApply(ReadOnlySpan<WeightedRows> combinations, Tensor x, ChannelScale scale)
    {
        if (x.numel() > int.MaxValue / sizeof(float) || CpuKernel.HasManyShortRows(x) || CpuKernel.MemoryOrder(x) is not { } order)
        {
            return null;
        }

        var source = order.Length == 0 ? x : x.permute(order);
        var shape = source.shape;
        var bytes = combinations.Length * x.numel() * sizeof(float);
        var target = ResultMemory.Empty([combinations.Length * shape[0], .. shape[1..]], ScalarType.Float32, bytes, out var isFresh);
        var channels = order.Length == 0 ? scale.Dimension : Array.IndexOf(order, scale.Dimension);
        var inner = scale.Shifts.Length == 1 ? 1 : shape[(channels + 1)..].Aggregate(1L, (product, size) => product * size);
        var constants = new ScaleLines(scale, inner);
        for (var i = 0; i < combinations.Length; i++)
        {
            var rows = combinations.Length == 1 ? target : target.narrow(0, i * shape[0], shape[0]);
            Run(combinations[i], source, rows, constants, ResultMemory.IsStreamed(bytes, isFresh));
        }

        // Detached, since autograd forbids in-place changes of a view that a function returned.
        return order.Length == 0 ? target : target.permute(CpuKernel.Inverse(order)).detach();
    }

    /// <summary>Converts bytes without combining them.</summary>
    public static Tensor Convert(Tensor x, ChannelScale scale)
    {
        var rows = (int)x.shape[0];
        double[] ones = [.. Enumerable.Repeat(1.0, rows)];
        var alone = new WeightedRows(ones, new double[rows], new RowSources([.. Enumerable.Range(0, rows).Select(row => (long)row)]));
        return TryApply([alone], x, scale) ?? scale.Overwrite(x.to(ScalarType.Float32));
    }

    private static void Run(WeightedRows combination, Tensor source, Tensor target, ScaleLines scale, bool stream)
    {
        var walk = combination.Sources.Walk;
        var rowLength = (int)(source.numel() / walk.Length);
        var threads = source.numel() >= ParallelElements ? TorchThreads.Count : 1;
        fixed (byte* from = source.bytes)
        fixed (byte* to = target.bytes)
        {
            // Few rows are split into columns, at boundaries of cache lines.
            var (x, y) = ((nint)from, (nint)to);
            var byColumns = walk.Length < 2 * threads;
            int Boundary(int i) => i == threads ? rowLength : (int)((long)rowLength * i / threads) & ~63;
            int Step(int i) => (int)((long)walk.Length * i / threads);
            TorchThreads.For(threads, i => Fill(
                combination,
                byColumns ? (0, walk.Length) : (Step(i), Step(i + 1)),
                byColumns ? (Boundary(i), Boundary(i + 1)) : (0, rowLength),
                rowLength,
                (byte*)x,
                (float*)y,
                scale,
                stream));
        }

        // Pointers do not keep the tensors alive.
        GC.KeepAlive(source);
        GC.KeepAlive(target);
    }

    /// <summary>
    /// Fills some rows in the order of the walk, chunk by chunk, so that a partner is still in cache when it is the sample.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fill(
        WeightedRows combination,
        (int From, int To) steps,
        (int From, int To) columns,
        int rowLength,
        byte* x,
        float* y,
        ScaleLines scale,
        bool stream)
    {
        var walk = combination.Sources.Walk;
        for (var column = columns.From; column < columns.To; column += ChunkLength)
        {
            var end = Math.Min(column + ChunkLength, columns.To);
            for (var i = steps.From; i < steps.To; i++)
            {
                var row = walk[i].Row;
                var (own, other) = combination.Weights(row, single: true);
                var sample = x + ((long)row * rowLength);
                var partner = x + (combination.Sources.First[row] * rowLength);

                // 0 times a byte is 0, so a row of weight 0 is replaced by the other one and not fetched.
                sample = own == 0 ? partner : sample;
                partner = other == 0 ? sample : partner;
                Combine(sample, partner, (float)own, (float)other, column, end, y + ((long)row * rowLength), scale, stream);
            }
        }
    }

    /// <summary>Combines some columns of a row, one range of constants at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(
        byte* sample, byte* partner, float own, float other, int from, int to, float* result, ScaleLines scale, bool stream)
    {
        fixed (float* allShifts = scale.Shifts, allDivisors = scale.Divisors)
        {
            while (from < to)
            {
                var (at, end) = scale.StretchFrom(from);
                var length = Math.Min(end, to) - from;
                byte* a = sample + from, b = partner + from;
                float* y = result + from, shifts = allShifts + at, divisors = allDivisors + at;
                var i = Vector512.IsHardwareAccelerated
                    ? CombineVectors<WideLanes>(a, b, own, other, shifts, divisors, scale.IsConstant, y, length, stream)
                    : CombineVectors<PreferredLanes>(a, b, own, other, shifts, divisors, scale.IsConstant, y, length, stream);
                for (; i < length; i++)
                {
                    var c = scale.IsConstant ? 0 : i;
                    y[i] = ((a[i] * own) + (b[i] * other) - shifts[c]) / divisors[c];
                }

                from += length;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CombineVectors<TLanes>(
        byte* a, byte* b, float own, float other, float* shifts, float* divisors, bool isConstant, float* y, int length, bool stream)
        where TLanes : struct, ILanes<TLanes>
    {
        var (ws, vs) = (TLanes.All(BitConverter.SingleToUInt32Bits(own)), TLanes.All(BitConverter.SingleToUInt32Bits(other)));
        var width = TLanes.Bytes / sizeof(float);
        var step = isConstant ? 0 : width;
        stream &= (nuint)y % (nuint)TLanes.Bytes == 0;
        var i = 0;
        for (; i + TLanes.Bytes <= length; i += TLanes.Bytes, shifts += 4 * step, divisors += 4 * step)
        {
            TLanes.WidenBytes(a + i, out var a0, out var a1, out var a2, out var a3);
            TLanes.WidenBytes(b + i, out var b0, out var b1, out var b2, out var b3);
            var y0 = Scaled(Sum(a0, b0, ws, vs), shifts, divisors);
            var y1 = Scaled(Sum(a1, b1, ws, vs), shifts + step, divisors + step);
            var y2 = Scaled(Sum(a2, b2, ws, vs), shifts + (2 * step), divisors + (2 * step));
            var y3 = Scaled(Sum(a3, b3, ws, vs), shifts + (3 * step), divisors + (3 * step));
            if (stream)
            {
                y0.Stream(y + i);
                y1.Stream(y + i + width);
                y2.Stream(y + i + (2 * width));
                y3.Stream(y + i + (3 * width));
            }
            else
            {
                y0.Store(y + i);
                y1.Store(y + i + width);
                y2.Store(y + i + (2 * width));
                y3.Store(y + i + (3 * width));
            }
        }

        return i;

        static TLanes Sum(TLanes sample, TLanes partner, TLanes own, TLanes other) => TLanes.AddSingle(
            TLanes.MultiplySingle(TLanes.ToSingle(sample), own), TLanes.MultiplySingle(TLanes.ToSingle(partner), other));

        static TLanes Scaled(TLanes sums, float* shifts, float* divisors) =>
            TLanes.DivideSingle(TLanes.SubtractSingle(sums, TLanes.Load(shifts)), TLanes.Load(divisors));
    }

    /// <summary>
    /// The constants for the elements of a row. If a channel has many consecutive elements, they are one vector per channel; otherwise they
    /// are an array that repeats the pattern of the channels.
    /// </summary>
    private sealed class ScaleLines
    {
        private const int LongStretch = 64;
        private const int LeastPattern = 1024;
        private static readonly int Width = Vector512<float>.Count;
        private readonly int inner;
        private readonly int channels;

        public ScaleLines(ChannelScale scale, long inner)
        {
            (this.inner, channels) = ((int)inner, scale.Shifts.Length);
            IsConstant = channels == 1 || inner >= LongStretch;
            var (each, times) = IsConstant ? (Width, 1) : (this.inner, ((LeastPattern - 1) / (this.inner * channels)) + 1);
            float[] Lines(float[] numbers) =>
                [.. Enumerable.Repeat(numbers.SelectMany(number => Enumerable.Repeat(number, each)), times).SelectMany(line => line)];
            (Shifts, Divisors) = (Lines(scale.Shifts), Lines(scale.Divisors));
        }

        public float[] Shifts { get; }

        public float[] Divisors { get; }

        /// <summary>Gets whether the constants are one vector per channel.</summary>
        public bool IsConstant { get; }

        /// <summary>Returns the index of the constants for an element of a row, and the element up to which they are valid.</summary>
        public (int At, int End) StretchFrom(int element)
        {
            if (channels == 1)
            {
                return (0, int.MaxValue);
            }

            if (IsConstant)
            {
                var block = element / inner;
                return (block % channels * Width, (block + 1) * inner);
            }

            var at = element % Shifts.Length;
            return (at, element - at + Shifts.Length);
        }
    }
}
