using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The tensors of a model by name, checked against a model as a whole before any of them is changed. Values stay in the file until they
/// are copied.
/// </summary>
internal sealed class TensorTable
{
    private const int BufferBytes = 1 << 20;
    private readonly PartReader part;
    private readonly Dictionary<string, (Tensor Tensor, long Position)> entries;

    private TensorTable(PartReader part, Dictionary<string, (Tensor Tensor, long Position)> entries) =>
        (this.part, this.entries) = (part, entries);

    /// <summary>The table of a model, to be written.</summary>
    public static CheckpointPart Of(Dictionary<string, Tensor> model)
    {
        const int wordsAround = 4; // the lengths of name and values, the type, and the rank
        var words = 1 + model.Values.Sum(tensor => wordsAround + tensor.dim());
        var bytes = model.Sum(entry => Encoding.UTF8.GetByteCount(entry.Key) + Bytes(entry.Value));
        return new CheckpointPart((words * sizeof(long)) + bytes, stream => Write(model, stream));
    }

    /// <summary>Reads a table for a model with just these names, types and shapes.</summary>
    public static TensorTable Read(PartReader part, Dictionary<string, Tensor> model, string path)
    {
        var entries = new Dictionary<string, (Tensor, long)>();
        var count = part.Int64();
        for (var i = 0L; i < count; i++)
        {
            var name = part.Text();
            if (!model.TryGetValue(name, out var like))
            {
                throw new InvalidDataException($"{path} holds '{name}', which the model lacks; build the model as in the saved run.");
            }

            var (type, dimensions) = (part.Int64(), part.Int64());
            long[]? shape = dimensions == like.dim() ? [.. like.shape.Select(_ => part.Int64())] : null;
            if (type != (long)like.dtype || shape?.SequenceEqual(like.shape) != true)
            {
                throw new InvalidDataException(
                    $"{path} holds '{name}' as {(ScalarType)type} of "
                    + (shape is null ? $"{dimensions} dimensions" : $"shape {Shapes.Text(shape)}")
                    + $", but the model has it as {like.dtype} of shape {Shapes.Text(like)}. "
                    + "Build the model as in the saved run.");
            }

            if (part.Int64() != Bytes(like) || !entries.TryAdd(name, (like, part.Position)))
            {
                throw new InvalidDataException($"{path} is damaged: '{name}' has another size than its shape, or is there twice.");
            }

            part.Skip(Bytes(like));
        }

        if (model.Keys.Except(entries.Keys).FirstOrDefault() is { } missing)
        {
            throw new InvalidDataException($"{path} lacks '{missing}' of the model; build the model as in the saved run.");
        }

        return part.AtEnd
            ? new TensorTable(part, entries)
            : throw new InvalidDataException($"{path} is damaged: there is something behind the last tensor of its model.");
    }

    /// <summary>Copies the values to the model. On the CPU this takes a buffer of memory, elsewhere as much as one tensor.</summary>
    public void Copy()
    {
        using var noGrad = no_grad();
        foreach (var (tensor, position) in entries.Values)
        {
            using var scope = NewDisposeScope();
            part.Position = position;
            if (tensor.device_type == DeviceType.CPU && tensor.is_contiguous())
            {
                tensor.ReadBytesFromStream(part, BufferFor(tensor));
            }
            else
            {
                var values = empty(tensor.shape, tensor.dtype, CPU);
                values.ReadBytesFromStream(part, BufferFor(tensor));
                tensor.copy_(values);
            }
        }
    }

    private static void Write(Dictionary<string, Tensor> model, Stream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write((long)model.Count);
        foreach (var (name, tensor) in model)
        {
            using var scope = NewDisposeScope();
            var encoded = Encoding.UTF8.GetBytes(name);
            writer.Write(encoded.LongLength);
            writer.Write(encoded);
            writer.Write((long)tensor.dtype);
            writer.Write(tensor.dim());
            foreach (var size in tensor.shape)
            {
                writer.Write(size);
            }

            writer.Write(Bytes(tensor));
            writer.Flush();
            tensor.detach().cpu().contiguous().WriteBytesToStream(stream, BufferFor(tensor));
        }
    }

    private static int BufferFor(Tensor tensor) => (int)Math.Clamp(Bytes(tensor), 1, BufferBytes);

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();
}
