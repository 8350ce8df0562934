using System.Globalization;
using TorchSharp.Mixup.Training.Mpi;

namespace TorchSharp.Mixup.Ranks;

/// <summary>The lines that this rank writes for the test: a name, a tab and a value.</summary>
internal sealed class Report(string folder) : IDisposable
{
    private readonly StreamWriter writer = new(Path.Combine(folder, $"{MpiWorld.Current.Rank}.txt")) { AutoFlush = true };

    public void Add(string name, object value) =>
        writer.WriteLine($"{name}\t{Convert.ToString(value, CultureInfo.InvariantCulture)!.ReplaceLineEndings(" ")}");

    public void Dispose() => writer.Dispose();
}
