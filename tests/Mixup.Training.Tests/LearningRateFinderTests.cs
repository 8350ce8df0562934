namespace TorchSharp.Mixup.Training.Tests;

/// <summary>The search for a learning rate.</summary>
public sealed class LearningRateFinderTests
{
    public static TheoryData<string> Optimizers => CheckpointOptimizerTests.Names;

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void ASearchLeavesTheLearnerAsItWas(string name)
    {
        Small Build() => new(
            _ => [new MixupCallback(new InputMixup(new MixupOptions { Seed = 5 })), new EarlyStopping(patience: 9)],
            scheduler: true,
            dropout: true,
            CheckpointOptimizerTests.Optimizers[name]);
        using var plain = Build();
        plain.Learner.Fit(plain.Train, plain.Valid, epochs: 1);
        plain.Learner.Fit(plain.Train, plain.Valid, epochs: 2);

        using var searched = Build();
        Search(searched);
        searched.Learner.Fit(searched.Train, searched.Valid, epochs: 1);
        Search(searched);
        searched.Learner.Fit(searched.Train, searched.Valid, epochs: 2);
        Assert.Equal(plain.Weights, searched.Weights);
        Assert.Equal(plain.Learner.History.Select(Figures), searched.Learner.History.Select(Figures));
        Assert.Equal(
            plain.Optimizer.ParamGroups.Select(group => group.LearningRate),
            searched.Optimizer.ParamGroups.Select(group => group.LearningRate));

        static string Figures(EpochRecord record) => string.Join(' ', record.Values);

        static void Search(Small small)
        {
            var (before, mode, epochs) = (small.Weights, small.Model.training, small.Learner.History.Count);
            var curve = LearningRateFinder.Run(small.Learner, small.Train, from: 1e-6, to: 1, steps: 30);
            Assert.InRange(curve.LearningRates.Count, 5, 30);
            Assert.Equal(curve.LearningRates.Count, curve.Losses.Count);
            Assert.Equal(before, small.Weights);
            Assert.Equal(mode, small.Model.training);
            Assert.Equal(epochs, small.Learner.History.Count);
        }
    }

    [Fact]
    public void TheRatesGrowGeometricallyAndALossThatExplodesEndsTheSearch()
    {
        using var small = new Small();
        var curve = LearningRateFinder.Run(small.Learner, small.Train, from: 1e-4, to: 1e6, steps: 51);
        Assert.Equal(1e-4, curve.LearningRates[0], 1e-12);
        Assert.All(
            curve.LearningRates.Zip(curve.LearningRates.Skip(1)), pair => Assert.Equal(Math.Pow(10, 0.2), pair.Second / pair.First, 1e-6));
        Assert.True(curve.LearningRates.Count < 51);
        var suggestion = Assert.NotNull(curve.Suggestion);
        Assert.InRange(suggestion, 1e-4, 1);
        Assert.Contains("suggestion", curve.ToString(), StringComparison.Ordinal);

        // At the suggested rate the network learns.
        small.Optimizer.ParamGroups.First().LearningRate = suggestion;
        var records = small.Learner.Fit(small.Train, epochs: 5);
        Assert.True(records[^1].TrainLoss < records[0].TrainLoss);
    }

    [Fact]
    public void SeveralGroupsKeepTheirRatio()
    {
        List<double> ratios = [];
        var look = new Recorder("AfterLoss", state => ratios.Add(
            state.Learner.Optimizer.ParamGroups.ElementAt(1).LearningRate / state.Learner.Optimizer.ParamGroups.First().LearningRate));
        using var small = new Small(_ => [look], false, false, CheckpointOptimizerTests.Optimizers["SGD, two groups"]);
        LearningRateFinder.Run(small.Learner, small.Train, steps: 12);
        Assert.All(ratios, ratio => Assert.Equal(0.5, ratio, 1e-9));
        Assert.Equal(12, ratios.Count);
    }

    [Fact]
    public void WhatWatchesTakesNoPartAndAnErrorRestores()
    {
        var folder = Directory.CreateTempSubdirectory("mixup-search-").FullName;
        using (var small = new Small(
            [new CsvLog(Path.Combine(folder, "a.csv")), new ModelCheckpoint(Path.Combine(folder, "b")), new TensorBoardLog(
                Path.Combine(folder, "c")), new EarlyStopping(patience: 1), new ProgressBar(),
                new Recorder("AfterStep", state => _ = state.BatchIndex == 3 ? throw new TimeoutException("boom") : 0)]))
        {
            var before = small.Weights;
            Assert.Throws<TimeoutException>(() => LearningRateFinder.Run(small.Learner, small.Train));
            Assert.Equal(before, small.Weights);
            Assert.Equal(0.1, small.Optimizer.ParamGroups.First().LearningRate);
        }

        Assert.Empty(Directory.GetFileSystemEntries(folder));
        Directory.Delete(folder);
    }

    [Fact]
    public void ALossBelowZeroIsSearchedAsAnyOther()
    {
        LearningRateCurve Search(double shift)
        {
            using var small = new Small();
            var loss = new FunctionLoss((p, t) => nn.functional.cross_entropy(p, t, reduction: nn.Reduction.None).sub(shift));
            var learner = new Learner(small.Model, loss, small.Optimizer);
            return LearningRateFinder.Run(learner, small.Train, to: 1e-2, steps: 30);
        }

        Assert.Equal(30, Search(0).LearningRates.Count);
        Assert.Equal(30, Search(5).LearningRates.Count);
    }

    [Fact]
    public void ASearchWithoutALossSaysSo()
    {
        using var small = new Small([new Recorder("BeforeBatch", state => state.StopBatch())]);
        Assert.Contains(
            "measured no loss",
            Assert.Throws<InvalidOperationException>(() => LearningRateFinder.Run(small.Learner, small.Train)).Message,
            StringComparison.Ordinal);
    }
}
