namespace Mixup.Samples.Study;

/// <summary>One training run of the study. Two trials that are equal are one run, whichever questions they answer.</summary>
/// <param name="Arm">One of <see cref="Arms.All"/>.</param>
/// <param name="TwoOutputs">Whether each pair gives both its combinations.</param>
/// <param name="Alpha">Concentration of the Beta distribution; 0 for the arm none.</param>
/// <param name="Rate">The learning rate, in multiples of the base one.</param>
/// <param name="TrainSize">How many images to train on.</param>
/// <param name="WrongLabels">The share of training labels that are replaced at random.</param>
/// <param name="Place">Where manifold mixup mixes: "all", or the name of a block; "-" for other arms.</param>
/// <param name="Epochs">How long.</param>
/// <param name="Seed">Of weights, images, wrong labels, batches and draws.</param>
public sealed record Trial(
    string Arm, bool TwoOutputs, double Alpha, double Rate, int TrainSize, double WrongLabels, string Place, int Epochs, int Seed)
{
    /// <summary>The arm as tables and legends name it.</summary>
    public string Name => TwoOutputs ? Arm + " x2" : Arm;

    /// <summary>Images that pass through training, for the progress bar.</summary>
    public double Work => TrainSize * (double)Epochs;
}

/// <summary>What came of a trial.</summary>
/// <param name="Trial">The trial.</param>
/// <param name="Accuracy">On all test images, at the end.</param>
/// <param name="LogLikelihood">The negative one, mean over the test images, at the end.</param>
/// <param name="CalibrationError">The expected one, in 15 bins, at the end.</param>
/// <param name="AdversarialAccuracy">Accuracy on the first test images after a step of the fast gradient sign method.</param>
/// <param name="Curve">Accuracy on the first test images, at even distances over the training; the last is at its end.</param>
/// <param name="Reliability">For each of ten bins of confidence: how many test images, their mean confidence, and their accuracy.</param>
public sealed record Outcome(
    Trial Trial,
    double Accuracy,
    double LogLikelihood,
    double CalibrationError,
    double AdversarialAccuracy,
    IReadOnlyList<double> Curve,
    IReadOnlyList<ReliabilityBin> Reliability)
{
    /// <summary>The best point of the curve, as if training had been stopped there.</summary>
    public double Best => Curve.Max();

    /// <summary>Its last point.</summary>
    public double Last => Curve[^1];
}
