using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Checks whether tensors can be blended, or cut and pasted, by their type.</summary>
internal static class Blendable
{
    /// <summary>Checks the batch and the type of a tensor.</summary>
    /// <param name="tensor">The tensor, [B, ...].</param>
    /// <param name="batchSize">The batch size B.</param>
    /// <param name="name">The name of the parameter.</param>
    /// <param name="canCopy">Whether integers are allowed, since weights of 0 and 1 copy them.</param>
    public static void Check(Tensor tensor, int batchSize, bool canCopy, string name)
    {
        Mixup.Check.HasBatch(tensor, batchSize, "the tensor to blend", name);
        if (tensor.is_sparse)
        {
            throw new ArgumentException(
                $"A sparse tensor of shape {Mixup.Check.Shape(tensor)} cannot be blended; expected a dense one. Convert it by to_dense().",
                name);
        }

        if (tensor.dtype == ScalarType.Bool && !canCopy)
        {
            throw new ArgumentException(
                "A tensor of type Bool cannot be blended; expected float16, bfloat16, float32, float64 or Byte. " +
                "If it is a mask, leave it out of the inputs, and unite it by step.Draw.Mix.UniteMask(mask).",
                name);
        }

        if (!Mixup.Check.IsBlendable(tensor.dtype) && !(canCopy && Mixup.Check.IsInteger(tensor)))
        {
            throw new ArgumentException(
                $"A tensor of type {tensor.dtype} cannot be blended; expected float16, bfloat16, float32, float64, or Byte for " +
                "images. For token ids use manifold mixup on the embedding; convert images to Byte or to floating point first.",
                name);
        }
    }

    /// <summary>Checks that every draw of a method copies an integer input, so that errors do not depend on the draw.</summary>
    /// <param name="inputs">The input, [B, ...].</param>
    /// <param name="finder">The finder of the extent; null if all fields are numbers.</param>
    /// <param name="copies">Whether all fields of the method copy on the extent of the draw.</param>
    public static void CheckCopied(Tensor inputs, ExtentFinder? finder, bool copies)
    {
        if (finder is null || Mixup.Check.IsBlendable(inputs.dtype))
        {
            return;
        }

        if (!copies)
        {
            throw new ArgumentException(
                $"An input {inputs.dtype} {Mixup.Check.Shape(inputs)} can be cut and pasted, but the method also blends. " +
                "Choose a method that only copies, such as CutMix, or use manifold mixup on the embedding.",
                nameof(inputs));
        }

        if (!finder.IsCutAlongCells(inputs))
        {
            throw new ArgumentException(
                $"An input {inputs.dtype} {Mixup.Check.Shape(inputs)} cannot be cut along whole cells of {finder.Extent}; " +
                "expected that extent or a whole multiple. Make it the first input, or give it the extent of the first input.",
                nameof(inputs));
        }
    }

    /// <summary>Checks that an integer tensor has the extent, and that all weights there are 0 and 1, so that it is copied.</summary>
    public static void CheckHard(Tensor tensor, ExtentFinder finder, RowFields fields, string name)
    {
        if (finder.InInput(tensor) is not { } within)
        {
            throw new ArgumentException(
                $"A tensor {tensor.dtype} {Mixup.Check.Shape(tensor)} has no extent for fields over {finder.Extent}, so it would be " +
                "blended, which integers do not support. Leave it out of the inputs, or convert it to floating point.",
                name);
        }

        if (fields.FindSoft(within.Extent) is { } soft)
        {
            throw new ArgumentException(
                $"A tensor {tensor.dtype} {Mixup.Check.Shape(tensor)} can be cut and pasted, but not blended; expected weights of 0 " +
                $"and 1 at {within.Extent}, but {soft} has others. Give it the extent of the draw, choose a method that only copies, " +
                "or mix after the embedding by manifold mixup.",
                name);
        }
    }
}
