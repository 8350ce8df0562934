using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A loss that is given as a function. The mean of its values is the loss, so that mixing can weigh them.</summary>
internal sealed class FunctionLoss(Func<Tensor, Tensor, Tensor> values) : Loss<Tensor, Tensor, Tensor>
{
    public Func<Tensor, Tensor, Tensor> Values => values;

    public override Tensor forward(Tensor prediction, Tensor target)
    {
        var loss = Shapes.Unbroadcast("The loss", values(prediction, target), prediction, target);
        return loss.numel() == 1 ? loss : loss.mean();
    }
}
