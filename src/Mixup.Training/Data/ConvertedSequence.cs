using System.Collections;

namespace TorchSharp.Mixup.Training;

/// <summary>A source whose items are converted one by one.</summary>
internal sealed class ConvertedSequence<TFrom, TTo>(IEnumerable<TFrom> source, Func<TFrom, TTo> convert)
    : IEnumerable<TTo>, IDerivedSequence
{
    public object Source => source;

    public IEnumerator<TTo> GetEnumerator()
    {
        foreach (var item in source)
        {
            yield return convert(item);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
