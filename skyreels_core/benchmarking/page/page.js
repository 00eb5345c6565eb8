const videos = document.querySelectorAll("video");

// Posters are loaded when they come near; videos when they are played.
const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    target.poster = target.dataset.poster;
    seen.unobserve(target);
  }
}, { rootMargin: "300px" });
videos.forEach(video => video.dataset.poster && seen.observe(video));

// Controls would cover the mouth: they show where the pointer or the focus is.
videos.forEach(video => {
  video.controls = false;
  video.tabIndex = 0;
  ["pointerenter", "focus"].forEach(kind => video.addEventListener(kind, () => { video.controls = true; }));
  ["pointerleave", "blur"].forEach(kind => video.addEventListener(kind, () => { video.controls = false; }));
});

document.querySelectorAll(".together").forEach(button => {
  const line = [...button.closest(".line").querySelectorAll("video")];
  button.addEventListener("click", () => {
    const playing = line.some(video => !video.paused);
    line.forEach((video, index) => {
      if (playing) return video.pause();
      video.currentTime = 0;
      video.muted = index > 0;
      video.play();
    });
  });
});
