using System.Collections;
using SkiaSharp;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>A loader with real work to do: it decodes JPEG images of 384 x 384, shrinks them to 32 x 32, and stacks them.</summary>
internal sealed class DecodingLoader(int batches, int batchSize) : IEnumerable<(Tensor Input, Tensor Target)>
{
    private const int Side = 32;
    private readonly float[] values = new float[batchSize * 3 * Side * Side];
    private readonly byte[][] files = [.. Enumerable.Range(0, batchSize).Select(Encode)];

    public IEnumerator<(Tensor Input, Tensor Target)> GetEnumerator()
    {
        for (var i = 0; i < batches; i++)
        {
            Decode();
            yield return (tensor(values, [batchSize, 3, Side, Side]), arange(batchSize).remainder_(10));
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Decode()
    {
        for (var i = 0; i < batchSize; i++)
        {
            using var image = SKBitmap.Decode(files[i]);
            using var small = image.Resize(new SKImageInfo(Side, Side, SKColorType.Rgba8888), new SKSamplingOptions(SKFilterMode.Linear));
            var pixels = small.GetPixelSpan();
            var into = values.AsSpan(i * 3 * Side * Side);
            for (var channel = 0; channel < 3; channel++)
            {
                for (var pixel = 0; pixel < Side * Side; pixel++)
                {
                    into[(channel * Side * Side) + pixel] = pixels[(4 * pixel) + channel] / 255f;
                }
            }
        }
    }

    private static byte[] Encode(int seed)
    {
        using var image = new SKBitmap(384, 384);
        using var canvas = new SKCanvas(image);
        using var noise = SKShader.CreatePerlinNoiseTurbulence(0.05f, 0.05f, 4, seed);
        using var paint = new SKPaint { Shader = noise };
        canvas.Clear(SKColors.Gray);
        canvas.DrawRect(0, 0, 384, 384, paint);
        using var file = image.Encode(SKEncodedImageFormat.Jpeg, 90);
        return file.ToArray();
    }
}
