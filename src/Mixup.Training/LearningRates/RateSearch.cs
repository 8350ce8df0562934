using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Raises the learning rate before every batch, and records the smoothed loss.</summary>
internal sealed class RateSearch(double from, double to, int steps) : LearnerCallback(order: 1000)
{
    private const double Smoothing = 0.98; // fastai's Recorder
    private const double Divergence = 4;
    private readonly List<double> rates = [];
    private readonly List<double> losses = [];
    private double[] ratios = []; // of each parameter group to the first
    private double mean;

    public IReadOnlyList<double> Rates => rates;

    public IReadOnlyList<double> Losses => losses;

    public override void BeforeFit(LearnerState state)
    {
        var groups = state.Learner.Optimizer.ParamGroups.ToArray();
        var first = groups[0].LearningRate;
        ratios = [.. groups.Select(group => first == 0 ? 1 : group.LearningRate / first)];
    }

    public override void BeforeBatch(LearnerState state)
    {
        var rate = from * Math.Pow(to / from, rates.Count / (steps - 1.0));
        foreach (var (group, ratio) in state.Learner.Optimizer.ParamGroups.Zip(ratios))
        {
            group.LearningRate = rate * ratio;
        }
    }

    public override void BeforeBackward(LearnerState state)
    {
        var loss = LossOf(state);
        mean = (Smoothing * mean) + ((1 - Smoothing) * loss);
        rates.Add(state.Learner.Optimizer.ParamGroups.First().LearningRate);
        losses.Add(mean / (1 - Math.Pow(Smoothing, losses.Count + 1)));
        var least = losses.Min();
        if (rates.Count == steps || !double.IsFinite(losses[^1]) || (least > 0 && losses[^1] > Divergence * least))
        {
            state.StopFit();
        }
    }

    // A loss that sums grows with the batch, which may be smaller at the end of an epoch.
    private static double LossOf(LearnerState state)
    {
        var loss = state.BatchLoss.detach().to(ScalarType.Float64).cpu().item<double>();
        var rows = state.LossReduction == nn.Reduction.Sum ? state.LossWeights[0].cpu().item<double>() : 1;
        if (state.Ranks is not { } ranks)
        {
            return loss / rows;
        }

        // Scaled, so that the mean over ranks is the loss of the whole batch.
        var mean = ranks.Sum(loss) / ranks.World.Size;
        return state.LossReduction == nn.Reduction.Sum ? mean / ranks.Sum(ranks.IsPadding ? 0 : rows) : mean;
    }
}
