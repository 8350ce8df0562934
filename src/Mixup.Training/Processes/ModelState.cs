using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>The weights and buffers of a model, on their way from rank 0 to all.</summary>
internal sealed class ModelState : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly List<(Tensor Own, Tensor OnHost)> tensors = [];

    private ModelState(IEnumerable<Tensor> own)
    {
        using var noGrad = no_grad();
        foreach (var tensor in own.Where(tensor => tensor.numel() > 0))
        {
            var plain = tensor.detach();
            tensors.Add((plain, plain.device_type == DeviceType.CPU && plain.is_contiguous() ? plain : plain.cpu().contiguous()));
        }
    }

    /// <summary>Prepares the weights and buffers of a model. What may fail, fails here.</summary>
    public static ModelState Of(nn.Module model) => new(model.state_dict().Values);

    /// <summary>Prepares a model, and parameters of its optimizer that are not its own.</summary>
    public static ModelState Of(nn.Module model, optim.Optimizer optimizer)
    {
        var own = model.parameters().Select(parameter => parameter.Handle).ToHashSet();
        var others = optimizer.parameters().Where(parameter => !own.Contains(parameter.Handle));
        return new(model.state_dict().Values.Concat(others));
    }

    /// <summary>Prepares the buffers alone.</summary>
    public static ModelState OfBuffers(nn.Module model) => new(model.named_buffers().Select(buffer => buffer.buffer));

    /// <summary>Takes all values from rank 0. All ranks have met before.</summary>
    public void Broadcast(Communicator communicator)
    {
        using var noGrad = no_grad();
        foreach (var (own, onHost) in tensors)
        {
            foreach (var part in TensorMemory.Parts(onHost))
            {
                communicator.SendAll(part.bytes, from: 0);
            }

            if (!communicator.IsFirst && !ReferenceEquals(own, onHost))
            {
                own.copy_(onHost);
            }
        }
    }

    /// <summary>A hash of all values.</summary>
    public ulong Fingerprint()
    {
        var fingerprint = new Fingerprint();
        foreach (var (_, onHost) in tensors)
        {
            foreach (var part in TensorMemory.Parts(onHost))
            {
                fingerprint.Add(part.bytes);
            }
        }

        return fingerprint.Value;
    }

    public void Dispose() => scope.Dispose();
}
