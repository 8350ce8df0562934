using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>The tensors of a model by name, checked against a model as a whole before any of them is changed.</summary>
internal sealed class TensorTable
{
    private readonly Dictionary<string, Tensor> tensors;

    private TensorTable(Dictionary<string, Tensor> tensors) => this.tensors = tensors;

    public static byte[] Save(Dictionary<string, Tensor> model)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write((long)model.Count);
        foreach (var (name, tensor) in model)
        {
            using var scope = NewDisposeScope();
            var bytes = tensor.detach().cpu().contiguous().bytes;
            var encoded = System.Text.Encoding.UTF8.GetBytes(name);
            writer.Write(encoded.LongLength);
            writer.Write(encoded);
            writer.Write((long)tensor.dtype);
            writer.Write(tensor.dim());
            foreach (var size in tensor.shape)
            {
                writer.Write(size);
            }

            writer.Write((long)bytes.Length);
            writer.Write(bytes);
        }

        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>Reads a table for a model with just these names, types and shapes.</summary>
    public static TensorTable Read(byte[] bytes, Dictionary<string, Tensor> model, string path)
    {
        var reader = new SpanReader(bytes, path);
        var read = new Dictionary<string, Tensor>();
        var count = reader.Int64();
        for (var i = 0L; i < count; i++)
        {
            var name = reader.Text();
            if (!model.TryGetValue(name, out var like))
            {
                throw new InvalidDataException($"{path} holds '{name}', which the model lacks; build the model as in the saved run.");
            }

            var dtype = (ScalarType)reader.Int64();
            var rank = reader.Int64();
            var sameRank = rank == like.dim();
            var sameShape = sameRank && like.shape.All(size => reader.Int64() == size);
            var values = sameShape && dtype == like.dtype ? reader.Part() : null;
            if (values is null || values.Length != like.numel() * like.element_size() || !read.TryAdd(name, Make(values, like)))
            {
                throw new InvalidDataException($"{path} holds '{name}' as something else than {like.dtype} of shape [{string.Join(", ", like.shape)}]; build the model as in the saved run.");
            }
        }

        if (model.Keys.Except(read.Keys).FirstOrDefault() is { } missing)
        {
            throw new InvalidDataException($"{path} lacks '{missing}' of the model; build the model as in the saved run.");
        }

        return new TensorTable(read);
    }

    public void CopyTo(Dictionary<string, Tensor> model)
    {
        using var noGrad = no_grad();
        foreach (var (name, tensor) in tensors)
        {
            model[name].copy_(tensor);
        }
    }

    private static Tensor Make(byte[] values, Tensor like)
    {
        var tensor = empty(like.shape, like.dtype, CPU);
        tensor.bytes = values;
        return tensor;
    }
}
