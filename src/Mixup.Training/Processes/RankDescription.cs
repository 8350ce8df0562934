using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>What a rank is about to train, line by line, so that an error can name the first difference between two ranks.</summary>
internal sealed class RankDescription
{
    private readonly List<string> lines = [];

    /// <summary>Describes a model.</summary>
    public static RankDescription OfModel(nn.Module model) => new RankDescription().Add(model);

    /// <summary>Compares the descriptions of all ranks, which have met before.</summary>
    /// <exception cref="InvalidOperationException">Two differ. All ranks throw the same error.</exception>
    public void Compare(Communicator communicator)
    {
        var own = Encoding.UTF8.GetBytes(string.Join('\n', lines));
        var fingerprint = new Fingerprint();
        fingerprint.Add(own);
        (ulong Hash, long Length)[] all = new (ulong, long)[communicator.Size];
        (ulong, long)[] mine = [(fingerprint.Value, own.Length)];
        communicator.Gather(MemoryMarshal.AsBytes(mine.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        var other = Array.FindIndex(all, one => one != all[0]);
        if (other < 0)
        {
            return;
        }

        string Text(int rank)
        {
            var bytes = communicator.Rank == rank ? own : new byte[all[rank].Length];
            communicator.SendAll(bytes, rank);
            return Encoding.UTF8.GetString(bytes);
        }

        throw communicator.Meetings.Known(new InvalidOperationException(Difference(Text(0).Split('\n'), Text(other).Split('\n'), other)));
    }

    private static string Difference(string[] first, string[] second, int rank)
    {
        var line = 0;
        while (line < first.Length && line < second.Length && first[line] == second[line])
        {
            line++;
        }

        string At(string[] lines) => line < lines.Length ? lines[line] : "nothing more";
        return $"Rank 0 and rank {rank} do not train the same. Rank 0 has {At(first)}, but rank {rank} has {At(second)}. " +
            "Start the same program with the same options on all ranks.";
    }

    /// <summary>Adds the parameters and buffers of a model.</summary>
    public RankDescription Add(nn.Module model)
    {
        using var scope = NewDisposeScope();
        Add("model", model.GetType().Name);
        foreach (var (name, tensor) in model.state_dict())
        {
            var kind = tensor.requires_grad ? "parameter" : "buffer or frozen parameter";
            lines.Add($"{kind} '{name}' {tensor.dtype} {Shapes.Text(tensor)}");
        }

        return this;
    }

    /// <summary>Adds a line.</summary>
    public void Add(string what, object? value) => lines.Add(FormattableString.Invariant($"{what} {value}").ReplaceLineEndings(" "));

    /// <summary>Adds a line for each value.</summary>
    public void AddAll(string what, IEnumerable<object> values)
    {
        foreach (var value in values)
        {
            Add(what, value);
        }
    }
}
