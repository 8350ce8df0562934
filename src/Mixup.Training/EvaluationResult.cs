using System.Globalization;

namespace TorchSharp.Mixup.Training;

/// <summary>The loss and the metrics of a model on a set of batches.</summary>
public sealed class EvaluationResult
{
    internal EvaluationResult(double loss, IReadOnlyDictionary<string, double> metrics) => (Loss, Metrics) = (loss, metrics);

    /// <summary>
    /// Gets the mean loss over the samples, as if they were one batch: class weights and ignored class ids count as in the loss.
    /// </summary>
    public double Loss { get; }

    /// <summary>Gets each metric of the learner by its name.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; }

    /// <summary>Gets a metric by its name, or the loss as <c>loss</c>.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">There is no such value. The error lists all names.</exception>
    public double this[string name] => Metrics.TryGetValue(name, out var value) ? value
        : name == "loss" ? Loss
        : throw new ArgumentException($"There is no value '{name}'. The values are loss, {string.Join(", ", Metrics.Keys)}.", nameof(name));

    /// <summary>Returns the loss and the metrics as one line of text.</summary>
    /// <returns>For instance <c>loss 0.456, accuracy 0.912</c>.</returns>
    public override string ToString() => Join(Metrics.Prepend(new("loss", Loss)));

    internal static string Join(IEnumerable<KeyValuePair<string, double>> values) =>
        string.Join(", ", values.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:0.0000}")));
}
