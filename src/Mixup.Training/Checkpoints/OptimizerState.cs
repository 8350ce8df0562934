using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The state of an optimizer, in TorchSharp's own format. TorchSharp's reader makes a tensor of whatever shape and type the bytes name: so
/// they are looked at before it sees them.
/// </summary>
internal static class OptimizerState
{
    /// <summary>Whether <see cref="Check"/> knows this optimizer.</summary>
    public static bool IsChecked(Optimizer optimizer) => OptimizerLayout.Of(optimizer) is not null;

    /// <summary>The state, to be written.</summary>
    /// <exception cref="ArgumentException">The optimizer has no state that can be saved.</exception>
    public static CheckpointPart Of(Optimizer optimizer)
    {
        using var measured = new HashingStream();
        try
        {
            Save(optimizer, measured);
        }
        catch (Exception e) when (e is not ArgumentException)
        {
            throw new ArgumentException(
                $"The state of {optimizer.GetType().Name} cannot be saved: {e.Message} Use another optimizer, or train without " +
                "checkpoints.",
                e);
        }

        // Momentum comes with the first step, and takes the layout of its parameter: TorchSharp would refuse it then.
        var groups = optimizer.ParamGroups.OfType<SGD.ParamGroup>().Where(group => group.Options.momentum is > 0);
        var late = groups.SelectMany(group => group.Parameters);
        if (late.FirstOrDefault(parameter => !parameter.is_contiguous()) is { } strided)
        {
            throw new ArgumentException(
                $"The momentum of a parameter of shape {Shapes.Text(strided)} cannot be saved, since the parameter is not " +
                "contiguous. "
                + "Make the model's parameters contiguous before the optimizer is built.");
        }

        return new CheckpointPart(measured.Length, stream => Save(optimizer, stream));
    }

    /// <summary>A hash of the state, by which two processes compare theirs; empty if the optimizer is none of TorchSharp's.</summary>
    public static string Fingerprint(Optimizer optimizer)
    {
        if (!IsChecked(optimizer))
        {
            return string.Empty;
        }

        using var stream = new HashingStream(Stream.Null);
        Save(optimizer, stream);
        return Convert.ToHexString(stream.Hash());
    }

    /// <summary>Writes the state.</summary>
    public static void Save(Optimizer optimizer, Stream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        Helper(optimizer).save_state_dict(writer);
    }

    /// <summary>Writes the options, such as learning rates, for <see cref="LoadOptions"/>.</summary>
    public static void SaveOptions(Optimizer optimizer, Stream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        var state = Helper(optimizer).state_dict();
        writer.Write(optimizer.GetType().Name);
        writer.Write7BitEncodedInt64(state.Options.Count);
        writer.Write7BitEncodedInt64(state.State.Count);
        foreach (var options in state.Options)
        {
            options.SaveStateDict(writer);
        }
    }

    /// <summary>Sets the state. What comes from a file has to pass <see cref="Check"/> first.</summary>
    public static void Load(Optimizer optimizer, Stream state)
    {
        state.Position = 0;
        using var reader = new BinaryReader(state, Encoding.UTF8, leaveOpen: true);
        using var scope = NewDisposeScope();
        try
        {
            Helper(optimizer).load_state_dict(reader);
        }
        finally
        {
            // What is left are the optimizer's own buffers, which outlive every scope.
            scope.Detach(scope.DisposablesView.ToArray());
        }
    }

    /// <summary>
    /// Sets the options and leaves the rest: reads the beginning of a state. A file's has to pass <see cref="Check"/> first.
    /// </summary>
    public static void LoadOptions(Optimizer optimizer, Stream state)
    {
        state.Position = 0;
        using var reader = new BinaryReader(state, Encoding.UTF8, leaveOpen: true);
        reader.ReadString(); // its name, and the numbers of groups and of parameters
        reader.Read7BitEncodedInt64();
        reader.Read7BitEncodedInt64();
        foreach (var options in Helper(optimizer).state_dict().Options)
        {
            options.LoadStateDict(reader);
        }
    }

    /// <summary>Compares a state with the optimizer that it is for. That of an optimizer of one's own is left to its own reader.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or of another optimizer, or of other parameters.</exception>
    public static void Check(Optimizer optimizer, PartReader reader, string path)
    {
        if (OptimizerLayout.Of(optimizer) is not { } layout)
        {
            return;
        }

        var kind = reader.Name();
        var groups = optimizer.ParamGroups.Cast<ParamGroup>().Select(group => group.Parameters.ToArray()).ToArray();
        if (kind != optimizer.GetType().Name)
        {
            throw new InvalidDataException($"{path} is of another optimizer: it holds the state of {kind}, but the learner has " +
                $"{optimizer.GetType().Name}. Build it as in the saved run.");
        }

        var (savedGroups, savedParameters) = (reader.Varint(), reader.Varint());
        var parameterCount = groups.Sum(parameters => parameters.Length);
        if (savedGroups != groups.Length || savedParameters != parameterCount)
        {
            throw new InvalidDataException($"{path} is of another optimizer: its {kind} has {savedParameters} parameter(s) in " +
                $"{savedGroups} group(s), but the learner's has {parameterCount} in {groups.Length}. Build it as in the saved run.");
        }

        var isSet = groups.Select(_ => layout.Options.Select(kind => Number(reader, kind, path) != 0).ToArray()).ToArray();
        foreach (var (parameters, set) in groups.Zip(isSet))
        {
            foreach (var parameter in parameters)
            {
                CheckState(reader, layout.State, parameter, set, path);
            }
        }

        if (!reader.AtEnd)
        {
            throw new InvalidDataException($"{path} is damaged: there is something behind the state of its optimizer.");
        }
    }

    private static void CheckState(PartReader reader, StateEntry[] layout, Tensor parameter, bool[] isSet, string path)
    {
        foreach (var entry in layout)
        {
            if (entry.Kind is { } kind)
            {
                Number(reader, kind, path);
            }
            else if (!entry.MayBeMissing || reader.Flag())
            {
                CheckTensor(reader, parameter, path);
            }
            else if (entry.RequiredByOption is { } option && isSet[option])
            {
                throw new InvalidDataException($"{path} is damaged: its optimizer lacks a tensor that its options require.");
            }
        }
    }

    private static double Number(PartReader reader, NumberKind kind, string path)
    {
        const double roundedBelowZero = -1e-15; // as a cosine's last rate may be
        const double limit = 1e9;
        var value = kind switch
        {
            NumberKind.Flag => reader.Flag() ? 1 : 0,
            NumberKind.Count => reader.Int64(),
            _ => reader.Double(),
        };
        var (least, most) = kind switch
        {
            NumberKind.Flag or NumberKind.Fraction => (0, 1),
            NumberKind.Count => (0, 1L << 40),
            NumberKind.Rate => (roundedBelowZero, limit),
            NumberKind.NonNegative => (0, limit),
            _ => (-limit, limit),
        };
        return value >= least && value <= most ? value : throw new InvalidDataException($"{path} is damaged: {value} stands in its " +
            $"optimizer where {least} to {most} is expected.");
    }

    private static void CheckTensor(PartReader reader, Tensor parameter, string path)
    {
        if (!parameter.is_contiguous())
        {
            throw new InvalidDataException(
                $"{path} cannot be read for a parameter of shape {Shapes.Text(parameter)} that is not contiguous. "
                + "Make the model's parameters contiguous before the optimizer is built.");
        }

        if (reader.Varint() != (long)parameter.dtype || reader.Varint() != parameter.dim()
            || !parameter.shape.All(size => reader.Varint() == size))
        {
            throw new InvalidDataException(
                $"{path} holds a tensor of the optimizer as something else than {parameter.dtype} of shape " +
                $"{Shapes.Text(parameter)}; build model and optimizer as in the saved run.");
        }

        reader.Skip(parameter.numel() * parameter.element_size());
    }

    private static OptimizerHelper Helper(Optimizer optimizer) =>
        optimizer as OptimizerHelper ?? throw new ArgumentException($"{optimizer.GetType().Name} has no state that can be saved.");
}
