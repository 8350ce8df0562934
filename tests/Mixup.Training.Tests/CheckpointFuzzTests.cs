using System.Globalization;
using System.Security.Cryptography;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Whatever stands in a file: a clear error or a whole load, never a crash, a hang, or a half-loaded model.</summary>
public sealed class CheckpointFuzzTests : IDisposable
{
    // A longer search is a run with another number.
    private static readonly int Mutations = int.Parse(
        Environment.GetEnvironmentVariable("MIXUP_FUZZ_MUTATIONS") ?? "5000", CultureInfo.InvariantCulture);
    private const int HeaderBytes = 8 + 32; // the magic word and the hash
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-fuzz-").FullName;

    [Theory]
    [InlineData("SGD")]
    [InlineData("Adam, amsgrad")]
    [InlineData("RMSProp, centered, momentum")]
    public void AMutatedFileIsRefusedAsAWholeOrLoadedAsAWhole(string name)
    {
        var path = Path.Combine(folder, "last.ckpt");
        using (var small = Build(name))
        {
            // By hand, since a history holds the seconds that an epoch took: the file is the same on every run, and so are its mutations.
            foreach (var batch in small.Train)
            {
                using var scope = NewDisposeScope();
                small.Loss.call(small.Model.call(batch.Inputs[0]), batch.Target).backward();
                small.Optimizer.step();
            }

            manual_seed(4);
            Checkpoint.Save(small.Learner, path);
        }

        var original = File.ReadAllBytes(path);
        var random = new Random(20);
        var (refused, loaded) = (0, 0);
        var fresh = Build(name);
        var (weights, optimizer) = (fresh.Weights, OptimizerOf(fresh));
        for (var i = 0; i < Mutations; i++)
        {
            var bytes = Mutate(original, random);
            if (random.Next(4) > 0)
            {
                // Somebody hostile makes the hash right again.
                bytes = bytes.Length > HeaderBytes
                    ? [.. original[..8], .. SHA256.HashData(bytes.AsSpan(HeaderBytes)), .. bytes[HeaderBytes..]]
                    : bytes;
            }

            File.WriteAllBytes(path, bytes);
            try
            {
                Checkpoint.Load(fresh.Learner, path);
            }
            catch (InvalidDataException e)
            {
                refused++;
                Assert.StartsWith(path, e.Message, StringComparison.OrdinalIgnoreCase);
                Assert.Empty(fresh.Learner.History);
                if (refused % 50 == 0)
                {
                    Assert.Equal(weights, fresh.Weights);
                    Assert.Equal(optimizer, OptimizerOf(fresh));
                }

                continue;
            }

            // Other values in the right places: training goes on from them.
            loaded++;
            if (loaded % 20 == 0)
            {
                fresh.Learner.Fit(fresh.Train, fresh.Valid, epochs: fresh.Learner.History.Count + 1);
            }

            fresh.Dispose();
            fresh = Build(name);
        }

        fresh.Dispose();
        Assert.Equal(Mutations, refused + loaded);
        Assert.InRange(refused, Mutations / 4, Mutations);
        Assert.InRange(loaded, 1, Mutations);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = (byte[])original.Clone();
        int At() => random.Next(2) == 0
            ? random.Next(bytes.Length)
            : random.Next(Math.Min(bytes.Length, 2_000)); // headers and names are in front
        switch (random.Next(7))
        {
            case 0:
                for (var n = random.Next(1, 9); n > 0; n--)
                {
                    bytes[At()] ^= (byte)(1 << random.Next(8));
                }

                return bytes;
            case 1:
                bytes[At()] = (byte)random.Next(256);
                return bytes;
            case 2:
                return bytes[..random.Next(bytes.Length)];
            case 3:
                return [.. bytes, .. new byte[random.Next(1, 100)]];
            case 4:
                // A length, a count or a size that no machine has.
                BitConverter.TryWriteBytes(
                    bytes.AsSpan(Math.Min(At(), bytes.Length - 8)),
                    new[] { long.MaxValue, long.MinValue, -1, int.MaxValue, 1L << 40 }[random.Next(5)]);
                return bytes;
            case 5:
                var (from, to) = (At(), At());
                var length = Math.Min(random.Next(1, 64), bytes.Length - Math.Max(from, to));
                original.AsSpan(from, length).CopyTo(bytes.AsSpan(to));
                return bytes;
            default:
                var cut = At();
                return [.. bytes[..cut], .. bytes[Math.Min(cut + random.Next(1, 40), bytes.Length)..]];
        }
    }

    private static byte[] OptimizerOf(Small small)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        ((Modules.OptimizerHelper)small.Optimizer).save_state_dict(writer);
        return stream.ToArray();
    }

    private Small Build(string optimizer) =>
        new(
            _ => [new ModelCheckpoint(folder), new MixupCallback(new InputMixup()), new EarlyStopping()],
            scheduler: true,
            dropout: false,
            CheckpointOptimizerTests.Optimizers[optimizer]);
}
