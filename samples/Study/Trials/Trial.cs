namespace Mixup.Samples.Study;

/// <summary>One training run of the study. Two trials that are equal are one run, whichever questions they answer.</summary>
/// <param name="Arm">One of <see cref="Arms.All"/>.</param>
/// <param name="TwoOutputs">Whether both combinations of each pair are trained on.</param>
/// <param name="Alpha">The concentration of the Beta distribution; 0 without mixup.</param>
/// <param name="Rate">The learning rate, as a multiple of the base rate.</param>
/// <param name="TrainSize">The number of training images.</param>
/// <param name="WrongLabels">The fraction of training labels that are replaced at random.</param>
/// <param name="Place">The place of manifold mixup: "all", or the name of a block; "-" for other strategies.</param>
/// <param name="Epochs">The number of epochs.</param>
/// <param name="Seed">The seed of weights, images, wrong labels, batches and mixing.</param>
public sealed record Trial(
    string Arm, bool TwoOutputs, double Alpha, double Rate, int TrainSize, double WrongLabels, string Place, int Epochs, int Seed)
{
    /// <summary>Gets the name of the strategy in tables and legends.</summary>
    public string Name => TwoOutputs ? Arm + " x2" : Arm;

    /// <summary>Gets the number of images over all epochs, for the progress bar.</summary>
    public double Work => TrainSize * (double)Epochs;
}

/// <summary>The outcome of a trial.</summary>
/// <param name="Trial">The trial.</param>
/// <param name="Accuracy">The accuracy on all test images, at the end.</param>
/// <param name="LogLikelihood">The mean negative log-likelihood of the test images, at the end.</param>
/// <param name="CalibrationError">The expected calibration error in 15 bins, at the end.</param>
/// <param name="AdversarialAccuracy">The accuracy on the first test images, changed by a step of the fast gradient sign method.</param>
/// <param name="Curve">The accuracy on the first test images, at even intervals of training up to its end.</param>
/// <param name="Reliability">The bins of the reliability diagram, ten at most.</param>
public sealed record Outcome(
    Trial Trial,
    double Accuracy,
    double LogLikelihood,
    double CalibrationError,
    double AdversarialAccuracy,
    IReadOnlyList<double> Curve,
    IReadOnlyList<ReliabilityBin> Reliability)
{
    /// <summary>Gets the best point of the curve.</summary>
    public double Best => Curve.Max();

    /// <summary>Gets the last point of the curve.</summary>
    public double Last => Curve[^1];
}
