using Mixup.Samples.Study;

namespace Mixup.Samples.Tests;

public sealed class ReportTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void TheReportInTheRepositoryIsWhatItsOutcomesGive()
    {
        var results = Path.Combine(Repository.Root, "samples", "Study", "results");
        foreach (var name in (string[])["trials.csv", "costs.csv", Conditions.FileName])
        {
            File.Copy(Path.Combine(results, name), Path.Combine(folder, name));
        }

        var grid = Grid.Of(Extent.Default, FashionMnist.TrainSize);
        new Report(grid, new Journal(Path.Combine(folder, "trials.csv")), FashionMnist.Name, FashionMnist.TestSize, folder)
            .Write(Conditions.Read(folder), Costs.Read(Path.Combine(folder, "costs.csv")));
        Assert.Equal(File.ReadAllText(Path.Combine(results, "report.md")), File.ReadAllText(Path.Combine(folder, "report.md")));
    }

    [Fact]
    public void CostsSurviveTheFile()
    {
        var path = Path.Combine(folder, "costs.csv");
        Cost[] costs = [new("none", 0.1, (1, 1, 1), 3e7), new("input x2", 0.3, (1.0 / 3, 1.5, 2), double.NaN)];
        Costs.Write(path, costs);
        Assert.Equal(costs, Costs.Read(path));
        Assert.Contains(
            "has not measured its costs",
            Assert.Throws<FileNotFoundException>(() => Costs.Read(path + "x")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AStudyThatContinuesKeepsTheConditionsOfItsBeginning()
    {
        Assert.Contains(
            "the folder has no study",
            Assert.Throws<FileNotFoundException>(() => Conditions.Read(folder)).Message,
            StringComparison.Ordinal);
        var first = new Conditions("command", "machine");
        Assert.Equal(first, Conditions.Keep(folder, first));
        Assert.Equal(first, Conditions.Keep(folder, new Conditions("another", "other")));
        File.AppendAllText(Path.Combine(folder, Conditions.FileName), "A remark.\n");
        Assert.Equal(first with { Remark = "A remark." }, Conditions.Read(folder));
    }

    [Fact]
    public void AStudyThatIsNotFinishedHasNoReport()
    {
        var grid = Grid.Of(Extent.Quick, 1_200);
        var report = new Report(grid, new Journal(Path.Combine(folder, "trials.csv")), "name", 10, folder);
        Assert.Contains(
            "without --report to finish it",
            Assert.Throws<InvalidDataException>(() => report.Write(new Conditions("c", "m"), [])).Message,
            StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
