using System.Globalization;
using TorchSharp;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>The figures of a classifier.</summary>
public static class Classification
{
    /// <summary>Gets the columns of its table.</summary>
    public static IReadOnlyList<Column> Columns { get; } =
    [
        new("accuracy", "test accuracy %", value => (100 * value).ToString("0.0", CultureInfo.InvariantCulture), WithSpread: true),
        new("nll", "cross-entropy", value => value.ToString("0.000", CultureInfo.InvariantCulture)),
        new("ece", "calibration error", value => value.ToString("0.000", CultureInfo.InvariantCulture)),
        new("seconds", "seconds/run", value => value.ToString("0.0", CultureInfo.InvariantCulture)),
    ];

    /// <summary>Makes the result of a run with the metric <see cref="Metric.Accuracy(long)"/>.</summary>
    /// <param name="run">The run.</param>
    /// <param name="records">The epochs of the run.</param>
    /// <param name="logits">[N, K], the predictions of the trained model for the test set.</param>
    /// <param name="classes">[N], the classes of the test set.</param>
    public static Result ToResult(Run run, IReadOnlyList<EpochRecord> records, Tensor logits, Tensor classes)
    {
        using var loss = nn.functional.cross_entropy(logits, classes);
        return new Result(
            run,
            new Dictionary<string, double>
            {
                ["accuracy"] = records[^1]["validation_accuracy"],
                ["nll"] = loss.cpu().ToDouble(),
                ["ece"] = Calibration.ExpectedError(logits.softmax(1), classes),
                ["seconds"] = records.Sum(record => record.Duration.TotalSeconds),
            },
            [.. records.Select(record => record["validation_accuracy"])]);
    }
}
