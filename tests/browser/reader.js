// What a reader would find wrong with the page on the screen; a list of sentences.
const found = [];
const page = document.querySelector("article") || document.body;
const brief = element => `<${element.tagName.toLowerCase()}> ${(element.textContent || element.src || "").trim().slice(0, 60)}`;
const scrolls = element => {
  for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
    if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return true;
  return false;
};

const screen = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > screen + 1)
  found.push(`the page is wider than the screen (${document.documentElement.scrollWidth} > ${screen})`);
const wide = [...page.querySelectorAll("*")].filter(
  element => element.getBoundingClientRect().right > screen + 1 && element.checkVisibility() && !scrolls(element));
if (wide.length) found.push(`${wide.length} elements reach beyond the screen: ${brief(wide[0])}`);
if (screen > 1000)
  for (const code of page.querySelectorAll("pre"))
    if (code.checkVisibility() && code.scrollWidth > code.clientWidth + 1)
      found.push(`a line of code is wider than its box: ${brief(code)}`);

let level = 0;
for (const heading of page.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) found.push(`a heading skips a level: ${brief(heading)}`);
  level = next;
}
if (page.querySelectorAll("h1").length !== 1) found.push("the page has not one title");

for (const image of page.querySelectorAll("img")) {
  if (!image.alt.trim()) found.push("a figure without alternative text");
  if (image.loading !== "lazy" && (!image.complete || !image.naturalWidth)) found.push(`a broken figure: ${image.alt}`);
  // letters of 9 points are 12 px; at half of that they are not read
  const scale = image.naturalWidth ? image.getBoundingClientRect().width / image.naturalWidth : 1;
  if (image.matches(".lvmass-figure") && scale < 0.55) found.push(`a figure too small to read (${scale.toFixed(2)} of its size): ${image.alt}`);
}

const named = [...document.querySelectorAll("[id]")].map(element => element.id);
for (const id of new Set(named.filter((id, i) => named.indexOf(id) !== i))) found.push(`an id stands twice: ${id}`);
return found;
