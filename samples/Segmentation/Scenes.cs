using static TorchSharp.torch;

namespace Mixup.Samples.Segmentation;

/// <summary>
/// Scenes of real digits, and the class of every pixel: 0 is the background, 1 to 10 are the digits 0 to 9, and 255 is the border of a
/// digit, which is ignored.
/// </summary>
internal sealed class Scenes
{
    public const int Size = 24;
    public const int Classes = 11;
    public const long Ignored = 255;

    private const int DigitsInAScene = 4;
    private const float Ink = 0.35f;

    private Scenes(Tensor images, Tensor classes) => (Images, PixelClasses) = (images, classes);

    /// <summary>Gets the scenes, [N, 1, 24, 24], from 0 to 1.</summary>
    public Tensor Images { get; }

    /// <summary>Gets the classes, [N, 24, 24] of Int64.</summary>
    public Tensor PixelClasses { get; }

    /// <summary>Composes scenes of given digits.</summary>
    /// <param name="digits">[M, 1, 8, 8], from 0 to 1.</param>
    /// <param name="classes">[M].</param>
    /// <param name="count">The number of scenes.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="device">The device of the scenes.</param>
    public static Scenes Compose(Tensor digits, Tensor classes, int count, int seed, Device device)
    {
        var random = new Random(seed);
        var (source, labels) = (digits.data<float>().ToArray(), classes.data<long>().ToArray());
        var pixels = new float[count * Size * Size];
        var targets = new long[count * Size * Size];
        for (var scene = 0; scene < count; scene++)
        {
            // Four of nine cells get a digit each. Digits may touch, but do not cover each other.
            var cells = Enumerable.Range(0, 9).ToArray();
            random.Shuffle(cells);
            foreach (var cell in cells.Take(DigitsInAScene))
            {
                var digit = random.Next(labels.Length);
                var (top, left) = (cell / 3 * 8, cell % 3 * 8);
                for (var i = 0; i < 64; i++)
                {
                    var at = (scene * Size * Size) + ((top + (i / 8)) * Size) + left + (i % 8);
                    var value = source[(digit * 64) + i];
                    pixels[at] = value;
                    targets[at] = value > Ink ? labels[digit] + 1 : value > 0 ? Ignored : 0;
                }
            }
        }

        return new Scenes(tensor(pixels).view(count, 1, Size, Size).to(device), tensor(targets).view(count, Size, Size).to(device));
    }
}
