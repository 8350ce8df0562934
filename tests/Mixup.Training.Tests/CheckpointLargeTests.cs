using System.Diagnostics;
using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>
/// A model of one tensor of more than 2 GiB, and an optimizer with as much state: no array and no span holds them.
/// Needs 6 GiB of memory and 5 of disk, so it runs on demand: <c>dotnet test --project tests/Mixup.Training.Tests --filter-class
/// "*CheckpointLargeTests" --explicit only</c>.
/// </summary>
public sealed class CheckpointLargeTests : IDisposable
{
    private const long Elements = (1L << 30) + 12_345; // of two bytes each
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-large-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact(Explicit = true)]
    public void ACheckpointOfMoreThanTwoGibibytesIsWrittenAndRead()
    {
        var path = Path.Combine(folder, "large.ckpt");
        long[] places = [0, 1, Elements / 2, (1L << 30) - 1, 1L << 30, Elements - 1];
        var watch = Stopwatch.StartNew();
        using (var saved = new Large())
        {
            using (no_grad())
            {
                for (var i = 0; i < places.Length; i++)
                {
                    saved.Values[places[i]] = i + 1f;
                }
            }

            Report("built", watch);
            Checkpoint.Save(saved.Learner, path);
            Report("saved", watch);
        }

        Assert.InRange(new FileInfo(path).Length, 2 * 2 * Elements, long.MaxValue);
        using var loaded = new Large();
        Report("built anew", watch);
        Checkpoint.Load(loaded.Learner, path);
        Report("loaded", watch);
        Assert.Equal(places.Select((_, i) => i + 1f), places.Select(place => loaded.Values[place].to(ScalarType.Float32).ToSingle()));
        Assert.Equal(places.Length, loaded.Values.count_nonzero().ToInt64());

        // One bit of it is changed: nothing is.
        using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = file.Length / 2;
            var value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(value ^ 1));
        }

        var refused = Assert.Throws<InvalidDataException>(() => Checkpoint.Load(loaded.Learner, path));
        Assert.Contains("damaged", refused.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static void Report(string what, Stopwatch watch)
    {
        using var process = Process.GetCurrentProcess();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{what}: {watch.Elapsed.TotalSeconds:0.0} s, {process.WorkingSet64 >> 20} MiB, {process.PeakWorkingSet64 >> 20} MiB at most");
    }

    private sealed class Large : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter values = new(zeros(Elements, ScalarType.BFloat16));
        private readonly optim.Optimizer optimizer;

        public Large()
            : base(nameof(Large))
        {
            RegisterComponents();
            optimizer = optim.Adagrad(parameters(), 0.1);
            Learner = new Learner(this, nn.MSELoss(), optimizer);
        }

        public Parameter Values => values;

        public Learner Learner { get; }

        public override Tensor forward(Tensor x) => x;

        protected override void Dispose(bool disposing)
        {
            optimizer?.Dispose();
            base.Dispose(disposing);
        }
    }
}
