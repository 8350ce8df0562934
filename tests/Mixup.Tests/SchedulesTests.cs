namespace TorchSharp.Mixup.Tests;

public sealed class SchedulesTests
{
    private static readonly Method Usual = new Interpolation(1);

    [Fact]
    public void MixingIsOffForTheLastEpochs() =>
        Assert.Equal([0.8, 0.8, 0.8, 0, 0], Probabilities(Schedules.OffForLast(2), 0.8));

    [Fact]
    public void MixingIsOffFromAnEpoch() =>
        Assert.Equal([0.8, 0.8, 0, 0, 0], Probabilities(Schedules.OffFrom(2), 0.8));

    [Fact]
    public void ARampTakesEqualSteps()
    {
        Assert.Equal([0.2, 0.4, 0.6, 0.8, 1], Probabilities(Schedules.RampProbability(0.2, 1)), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal([1, 0.5, 0, 0, 0], Probabilities(Schedules.RampProbability(1, 0, epochs: 3)));
        Assert.Equal([0.3, 0.3, 0.3, 0.3, 0.3], Probabilities(Schedules.RampProbability(1, 0.3, epochs: 1)));
        Assert.Equal(
            [0.0, 0.5, 1.0, 1.5, 2.0],
            Enumerable.Range(0, 5).Select(epoch => ((CutMix)Schedules.Ramp(0, 2, alpha => new CutMix(alpha))(Point(epoch)).Method).Alpha));
    }

    [Fact]
    public void ASecondScheduleSeesWhatTheFirstGives()
    {
        var both = Schedules.Ramp(0, 2, alpha => new Interpolation(alpha)).Then(Schedules.RampProbability(0.5, 0.5))
            .Then(Schedules.OffForLast(1));
        Assert.Equal([0.5, 0.5, 0.5, 0.5, 0], Probabilities(both));
        Assert.Equal(new Interpolation(1), both(Point(2)).Method);
    }

    [Fact]
    public void AStrategyMixesAsItsScheduleSays()
    {
        using var scope = NewDisposeScope();
        List<long> batches = [];
        var mixup = new InputMixup(new MixupOptions
        {
            Schedule = point =>
            {
                batches.Add(point.Batch);
                return (point.Epoch == 0 ? new CutMix() : point.Method, point.Epoch == 2 ? 0 : point.Probability);
            },
            Seed = 1,
        });
        var (x, y) = (Some.Normal(1, 6, 2, 8, 8), Some.Classes(2, 3, 6));
        for (var epoch = 0; epoch < 3; epoch++)
        {
            mixup.Epoch = epoch;
            using var step = mixup.Begin(x, y);
            Assert.All(step.Draw.Mix.Fields, field => Assert.Equal(epoch == 0, field is BoxField));
            Assert.Equal(epoch == 2, step.Draw.Mix.Coefficients.ToArray().All(lambda => lambda == 1));
            using var again = mixup.Begin(x, y, step.Draw); // a replay asks no schedule
        }

        Assert.Equal([0, 1, 2], batches);
    }

    [Fact]
    public void ASequenceThatIsInterruptedGoesOnAsItWould()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 6, 2, 8, 8), Some.Classes(2, 3, 6));
        var options = new MixupOptions
        {
            Schedule = Schedules.Ramp(0.1, 2, alpha => new OneOf(new Interpolation(alpha), new CutMix())).Then(Schedules.OffForLast(1)),
            Seed = 4,
        };
        var whole = new InputMixup(options) { Epochs = 4 };
        List<(MixupState State, MixupDraw Draw)> drawn = [];
        for (var epoch = 0; epoch < 4; epoch++)
        {
            whole.Epoch = epoch;
            for (var batch = 0; batch < 3; batch++)
            {
                var state = whole.State;
                using var step = whole.Begin(x, y);
                drawn.Add((state, step.Draw));
            }
        }

        foreach (var (state, draw) in drawn)
        {
            // In the middle of an epoch, too: the state has the epoch.
            using var step = new InputMixup(options with { Seed = 99 }) { Epochs = 4, State = state }.Begin(x, y);
            Assert.Equal(draw, step.Draw);
        }
    }

    [Fact]
    public void AnErrorOfAScheduleChangesNothing()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 6, 2), Some.Classes(2, 3, 6));
        var mixup = new InputMixup(new MixupOptions { Schedule = Schedules.OffForLast(1), Seed = 4 }) { Epoch = 0 };
        var state = mixup.State;
        Assert.Throws<InvalidOperationException>(() => mixup.Begin(x, y));
        Assert.Equal(state, mixup.State);
        mixup.Epochs = 2;
        mixup.Begin(x, y).Dispose();
        Assert.Equal(state with { Batch = 1 }, mixup.State);
    }

    private static SchedulePoint Point(int epoch, double probability = 1) => new(epoch, 5, 10 * epoch, Usual, probability);

    private static IEnumerable<double> Probabilities(Schedule schedule, double probability = 1) =>
        Enumerable.Range(0, 5).Select(epoch => schedule(Point(epoch, probability)).Probability);
}
