using System.Globalization;

namespace TorchSharp.Mixup.Training;

/// <summary>The figures of one epoch. Two records are equal if all their figures are.</summary>
/// <param name="Epoch">The epoch of its fit, from 0.</param>
/// <param name="TrainLoss">
/// The mean loss over the training samples; of mixed batches where they were mixed. Means are weighted by what they divide by, so that
/// class weights and ignored class ids count as in one large batch: see <see cref="MixupLoss.WeightOf(torch.Tensor, MixedTarget)"/>.
/// </param>
/// <param name="ValidationLoss">
/// The mean loss over the validation samples, weighted in the same way. They are never mixed. Null without validation.
/// </param>
/// <param name="TrainMetrics">
/// Each metric over the training samples. Under mixing it is weighted as the loss is, see <see cref="MixupLoss.Evaluate"/>.
/// </param>
/// <param name="ValidationMetrics">Each metric over the validation samples; empty without validation.</param>
/// <param name="LearningRate">The learning rate of the first parameter group at the beginning of the epoch.</param>
/// <param name="Duration">The time that the epoch took, validation included.</param>
public sealed record EpochRecord(
    int Epoch,
    double TrainLoss,
    double? ValidationLoss,
    IReadOnlyDictionary<string, double> TrainMetrics,
    IReadOnlyDictionary<string, double> ValidationMetrics,
    double LearningRate,
    TimeSpan Duration)
{
    private const string TrainPrefix = "train_";
    private const string ValidationPrefix = "validation_";

    /// <summary>The name of the validation loss in <see cref="Values"/>.</summary>
    internal const string ValidationLossName = ValidationPrefix + "loss";

    /// <summary>
    /// Gets a value by name: <c>train_loss</c>, <c>validation_loss</c>, or the name of a metric after <c>train_</c> or <c>validation_</c>.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">There is no such value. The error lists all names.</exception>
    public double this[string name] => Values.TryGetValue(name, out var value)
        ? value
        : throw new ArgumentException(
            $"There is no value '{name}'. The values are {string.Join(", ", Values.Keys)}; those of validation need validation batches.",
            nameof(name));

    /// <summary>Gets all losses and metrics by name, those of training first.</summary>
    public IReadOnlyDictionary<string, double> Values
    {
        get
        {
            var all = new Dictionary<string, double> { [TrainPrefix + "loss"] = TrainLoss };
            if (ValidationLoss is { } loss)
            {
                all[ValidationLossName] = loss;
            }

            foreach (var (prefix, metrics) in new[] { (TrainPrefix, TrainMetrics), (ValidationPrefix, ValidationMetrics) })
            {
                foreach (var (name, value) in metrics)
                {
                    all[prefix + name] = value;
                }
            }

            return all;
        }
    }

    /// <summary>Compares all figures.</summary>
    /// <param name="other">Another record.</param>
    /// <returns>Whether all figures are equal.</returns>
    public bool Equals(EpochRecord? other) => other is not null
        && (Epoch, LearningRate.Equals(other.LearningRate), Duration) == (other.Epoch, true, other.Duration)
        && Values.Count == other.Values.Count
        && Values.All(pair => other.Values.TryGetValue(pair.Key, out var value) && value.Equals(pair.Value));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Epoch, TrainLoss, ValidationLoss, LearningRate, Duration);

    /// <summary>Returns the figures as one line of text.</summary>
    /// <returns>For instance <c>epoch 3: train_loss 0.123, validation_loss 0.456, learning rate 0.1, 1.2 s</c>.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"epoch {Epoch + 1}: {EvaluationResult.Join(Values)}, learning rate {LearningRate:0.####e+0}, {Duration.TotalSeconds:0.0} s");
}
