using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Text;

/// <summary>An embedding, one transformer encoder layer, and the mean over all tokens that are not padding.</summary>
internal sealed class Network : Module<Tensor, Tensor, Tensor>
{
    private const int Width = 64;
    private readonly Embedding embedding = Embedding(Glosses.Words, Width, padding_idx: 0);
    private readonly Parameter positions = Parameter(randn(Glosses.Length, Width) * 0.1);
    private readonly TransformerEncoderLayer encoder = TransformerEncoderLayer(Width, 4, 128, 0.1);
    private readonly Dropout dropout = Dropout(0.3);
    private readonly Linear classifier = Linear(Width, 10);

    public Network()
        : base(nameof(Network)) => RegisterComponents();

    /// <param name="ids">[B, T].</param>
    /// <param name="padding">[B, T], true for padding. For a mixed batch, the united masks of both partners.</param>
    public override Tensor forward(Tensor ids, Tensor padding)
    {
        var embedded = dropout.call(embedding.call(ids) + positions);
        var encoded = encoder.call(embedded.transpose(0, 1), null!, padding).transpose(0, 1);
        var content = padding.logical_not().unsqueeze(2).to(encoded.dtype);
        return classifier.call((encoded * content).sum(1) / content.sum(1).clamp_min(1));
    }
}
