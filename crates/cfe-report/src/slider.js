for (const slider of document.querySelectorAll('.slider')) {
  const data = JSON.parse(slider.querySelector('script').textContent);
  const range = slider.querySelector('input[type=range]');
  const cost = name => Number(slider.querySelector('[data-cost=' + name + ']').value);
  const show = (name, text) => { slider.querySelector('[data-show=' + name + ']').textContent = text; };
  const share = (part, whole) => whole > 0 ? (part / whole).toFixed(3) : '-';
  const update = () => {
    const [threshold, hits, alarms] = data.points[range.value];
    show('threshold', Number(threshold.toPrecision(4)));
    show('precision', share(hits, hits + alarms));
    show('recall', share(hits, data.positives));
    show('called', Number((hits + alarms).toFixed(1)));
    show('cost', Number((cost('alarm') * alarms + cost('miss') * (data.positives - hits)).toPrecision(6)));
  };
  slider.addEventListener('input', update);
  range.value = range.getAttribute('value');
}
