using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Evaluates a metric on the current batch.</summary>
/// <param name="values">Takes a prediction and a target and returns one value or more for each sample, not reduced.</param>
/// <returns>The values of the batch; weighted by lambda if it was mixed.</returns>
public delegate Tensor MetricEvaluator(Func<Tensor, Tensor, Tensor> values);
