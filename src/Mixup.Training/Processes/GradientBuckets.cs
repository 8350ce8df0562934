using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The parameters whose gradients are summed, in buckets of one type, and a hash by which ranks see that theirs are the same.
/// </summary>
internal sealed record GradientLayout(IReadOnlyList<Parameter[]> Buckets, ulong Fingerprint);

/// <summary>
/// Sums gradients over all ranks in their own type: many small ones in one message. Behind the gradients of a bucket stands a flag for
/// each, so that a parameter that no rank has a gradient for keeps none, as in one process.
/// </summary>
internal sealed class GradientBuckets(Communicator communicator)
{
    private const long BucketBytes = 16 << 20;
    private readonly Dictionary<(ScalarType Type, string Device, long Length), Tensor> memory = [];
    private ulong memoryOf;

    /// <summary>Lays parameters out in buckets, and checks that their gradients can be summed.</summary>
    /// <exception cref="ArgumentException">A gradient is sparse or of another type.</exception>
    public GradientLayout Lay(IEnumerable<Parameter> parameters)
    {
        using var scope = NewDisposeScope();
        var fingerprint = new Fingerprint();
        var seen = new HashSet<nint>();
        var open = new Dictionary<(ScalarType Type, string Device), (List<Parameter> Parameters, long Bytes)>();
        var buckets = new List<Parameter[]>();
        foreach (var parameter in parameters.Where(parameter => seen.Add(parameter.Handle)))
        {
            if (!parameter.requires_grad && parameter.grad is null)
            {
                continue; // frozen; one that was frozen between two batches of a step still has its gradient
            }

            Check(parameter);
            fingerprint.Add((long)parameter.dtype);
            fingerprint.Add(parameter.numel());
            var key = (parameter.dtype, parameter.device.ToString());
            var bytes = parameter.numel() * parameter.element_size();
            var (bucket, filled) = open.GetValueOrDefault(key, ([], 0));
            if (bucket.Count > 0 && filled + bytes > BucketBytes)
            {
                buckets.Add([.. bucket]);
                (bucket, filled) = ([], 0);
            }

            bucket.Add(parameter);
            open[key] = (bucket, filled + bytes);
        }

        buckets.AddRange(open.Values.Select(bucket => bucket.Parameters.ToArray()));
        Prepare(buckets, fingerprint.Value);
        return new GradientLayout(buckets, fingerprint.Value);
    }

    /// <summary>Replaces gradients by their sum over all ranks, each times a factor of its rank. All ranks have met before.</summary>
    /// <param name="layout">The layout, the same on all ranks.</param>
    /// <param name="factor">The factor of this rank. With 0 its gradients are not read.</param>
    public void Sum(GradientLayout layout, double factor)
    {
        using var noGrad = no_grad();
        foreach (var bucket in layout.Buckets)
        {
            using var scope = NewDisposeScope();
            var values = memory[KeyOf(bucket)];
            var gradients = bucket.Select(parameter => parameter.grad).ToArray();
            var slices = Slices(values, bucket);
            for (var i = 0; i < bucket.Length; i++)
            {
                if (gradients[i] is { } gradient && factor != 0)
                {
                    slices[i].copy_(gradient);
                }
                else
                {
                    slices[i].zero_();
                }
            }

            var total = bucket.Sum(parameter => parameter.numel());
            if (factor is not (0 or 1))
            {
                values.narrow(0, 0, total).mul_(factor);
            }

            var flags = values.narrow(0, total, bucket.Length);
            flags.copy_(tensor(gradients.Select(gradient => gradient is null ? 0f : 1f).ToArray()));
            Sum(values);
            var exists = flags.to(ScalarType.Float32).cpu().data<float>().ToArray();
            for (var i = 0; i < bucket.Length; i++)
            {
                if (gradients[i] is { } gradient)
                {
                    gradient.copy_(slices[i]);
                }
                else if (exists[i] > 0)
                {
                    bucket[i].grad = slices[i].clone().DetachFromDisposeScope();
                }
            }
        }
    }

    /// <summary>Frees the memory of the buckets.</summary>
    public void Release()
    {
        foreach (var values in memory.Values)
        {
            values.Dispose();
        }

        memory.Clear();
    }

    private void Sum(Tensor values)
    {
        // Half types are added by a function of ours, which runs on the host.
        var isDirect = communicator.SumsOnDevice && values.dtype is ScalarType.Float32 or ScalarType.Float64;
        var onHost = values.device_type == DeviceType.CPU || isDirect ? values : values.cpu().pin_memory();
        if (values.device_type == DeviceType.CUDA)
        {
            cuda.synchronize();
        }

        communicator.SumAt(TensorMemory.Address(onHost), onHost.numel(), onHost.dtype);
        if (!ReferenceEquals(onHost, values))
        {
            values.copy_(onHost);
        }
    }

    private static Tensor[] Slices(Tensor values, Parameter[] bucket)
    {
        var slices = new Tensor[bucket.Length];
        var at = 0L;
        for (var i = 0; i < bucket.Length; at += bucket[i].numel(), i++)
        {
            slices[i] = values.narrow(0, at, bucket[i].numel()).view(bucket[i].shape);
        }

        return slices;
    }

    private static void Check(Parameter parameter)
    {
        if (parameter.dtype is not (ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64))
        {
            throw new ArgumentException(
                $"A parameter is {parameter.dtype} {Shapes.Text(parameter)}, whose gradient cannot be summed over ranks. " +
                "Use a floating type.");
        }

        if (parameter.grad is { is_sparse: true })
        {
            throw new ArgumentException(
                $"The gradient of a parameter {Shapes.Text(parameter)} is sparse, and cannot be summed over ranks. " +
                "Build its embedding with sparse: false.");
        }
    }

    // Before ranks meet, since memory may be lacking.
    private void Prepare(List<Parameter[]> buckets, ulong fingerprint)
    {
        if (memoryOf != fingerprint)
        {
            Release();
            memoryOf = fingerprint;
        }

        foreach (var bucket in buckets)
        {
            var key = KeyOf(bucket);
            if (!memory.ContainsKey(key))
            {
                memory[key] = empty(key.Length, key.Type, bucket[0].device).DetachFromDisposeScope();
            }
        }
    }

    private static (ScalarType Type, string Device, long Length) KeyOf(Parameter[] bucket) =>
        (bucket[0].dtype, bucket[0].device.ToString(), bucket.Sum(parameter => parameter.numel()) + bucket.Length);
}
